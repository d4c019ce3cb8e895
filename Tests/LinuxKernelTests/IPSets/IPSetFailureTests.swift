import Addressing
import CIPSet
import DataplaneModel
import Glibc
import HostFacts
import Netlink
import Testing

@testable import IPSets

@Suite("Failures about sets")
@KernelThread
struct IPSetFailureTests {
    @Test("The library's texts explain refusals")
    func texts() throws {
        try NetworkNamespace.enterNew()
        let session = IPSetSession()
        let agreement = session.agree()
        #expect(agreement == nil)
        let refusals = [
            session.perform(.destroy, "NONE", nil), session.perform(.rename, "NONE", "OTHER"),
        ]
        let missing = try #require(refusals[0])
        #expect(missing.isRefusal(ENOENT))
        #expect(missing.text == "The set with the given name does not exist")
        #expect(refusals[1] == missing)
        let error = DataplaneError.ipset(.destroy, "set NONE", missing)
        #expect(error.kind == .notFound)
        #expect(error.message == missing.text)
        let type = session.refusal(Int32(IPSET_ERR_FIND_TYPE.rawValue), .type)
        #expect(type.text == "Kernel error received: set type not supported")
        #expect(DataplaneError.ipset(.type, "sets", type).kind == .unsupported)
    }

    @Test("An answer that libipset does not understand says nothing of the type of a set")
    func confusion() throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ipset", "create", "TEST-A", "hash:ip"])
        let connection = try IPSetConnection(.ipv4, NetlinkTraffic())
        // The second answer to a refused list is taken for that to the next request.
        do throws(IPSetFailure) {
            _ = try connection.session.header(of: "NONE")
            Issue.record("no refusal")
        } catch {
            #expect(error.isRefusal(ENOENT))
        }
        do throws(DataplaneError) {
            _ = try connection.header(of: "TEST-A")
            Issue.record("no failure")
        } catch {
            #expect(error.errno == EPROTO)
            #expect(error.message == "Internal protocol error")
        }
        // A session takes the place of the confused one.
        let header = try connection.header(of: "TEST-A")
        #expect(header?.isKnown == true)
    }

    @Test("Other versions of the protocol are unsupported, in libipset's words; a refusal is not")
    func disagreement() {
        let words = "Cannot communicate with kernel: Kernel support protocol versions 8-9"
        let version = IPSetFailure(errno: EPROTO, text: words, isRefusal: false)
        #expect(IPSetConnection.disagreement(version).kind == .unsupported)
        #expect(IPSetConnection.disagreement(version).message == words)
        let refusal = IPSetFailure(errno: EINVAL, text: "Invalid argument", isRefusal: true)
        let absent = IPSetConnection.disagreement(refusal)
        #expect(absent.kind == .unsupported)
        #expect(absent.message?.hasPrefix("the kernel has no ipset: modprobe ip_set") == true)
        let refused = IPSetFailure(errno: EPERM, text: "Not permitted", isRefusal: true)
        #expect(IPSetConnection.disagreement(refused).kind == .notPermitted)
    }
}

/// Each in a process of its own, as libipset's types are the whole process's.
@Suite("Types of sets that kernel and libipset do not share")
struct IPSetTypeTests {
    @Test("A kernel with older revisions alone is unsupported, in libipset's words")
    func olderKernel() async {
        await #expect(processExitsWith: .success) {
            try NetworkNamespace.enterNew()
            LibraryTypes.change("hash:ip") { $0.pointee.revision += 100 }
            let message = try #require(Self.refusal())
            #expect(message.contains("while ipset program with minimal revision 100."))
            #expect(message.contains("You need to upgrade your kernel."))
            #expect(message.contains("(the kernel has revisions 0 to "))
            #expect(message.hasSuffix(" of hash:ip; needed: 4 or later)"))
        }
    }

    @Test("Shared revisions without all that is used are unsupported")
    func olderLibrary() async {
        await #expect(processExitsWith: .success) {
            try NetworkNamespace.enterNew()
            LibraryTypes.change("hash:ip") { type in
                if type.pointee.revision > 2 { LibraryTypes.forget(type) }
            }
            let store = Self.store
            let message = try #require(Self.refusal(store))
            let words = "Kernel and libipset share revisions of hash:ip up to 2, while 4 is needed."
            #expect(message.hasPrefix(words + " (the kernel has revisions 0 to "))
            // Other types are as before, also for the same store.
            let ports = SetCatalogue(family: .ipv4).set(.port, count: 1)
            #expect(try store.make([.create(ports)]).failures.isEmpty)
        }
    }

    @Test("A set of a type or revision that libipset does not know can be replaced")
    func unknownSet() async {
        await #expect(processExitsWith: .success) {
            try NetworkNamespace.enterNew()
            try Program.check(["ipset", "create", "TEST-NET", "hash:net"])
            let wanted = SetCatalogue(family: .ipv4).set(.frontend, count: 2)
            let other = ["create", wanted.name.text, "hash:ip,port", "bucketsize", "8"]
            try Program.check(["ipset"] + other)
            LibraryTypes.change("hash:net") { LibraryTypes.forget($0) }
            LibraryTypes.change("hash:ip,port") { type in
                if type.pointee.revision > 5 { LibraryTypes.forget(type) }
            }
            let store = Self.store
            let observed = try store.observe()
            #expect(observed.count == 2)
            #expect(try Set(store.entryCounts().keys) == Set(observed.keys))
            #expect(observed.values.allSatisfy { $0.hasUnexpectedProperty && $0.entries.isEmpty })
            let changes = IPSetChange.changes(from: observed, to: [wanted.name: wanted])
            #expect(try store.make(changes).failures.isEmpty)
            #expect(try store.remove(changes).failures.isEmpty)
            #expect(try store.observe() == [wanted.name: wanted])
        }
    }

    @Test("Where libipset cannot open its socket, the reason is the system call's")
    func noDescriptor() async {
        await #expect(processExitsWith: .success) {
            let session = IPSetSession()
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var none = rlimit(rlim_cur: 0, rlim_max: limit.rlim_max)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
            let failure = session.agree()
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let error = IPSetConnection.disagreement(try #require(failure))
            #expect(error.errno == EMFILE && error.kind == .other)
            #expect(error.message == "Cannot open session to kernel. (Too many open files)")
        }
    }

    private static var store: IPSetStore { IPSetStore(family: .ipv4, owns: SetCatalogue.owns) }

    /// The message of the error that ends the creation of a set of addresses; nil if there is none.
    private static func refusal(_ store: IPSetStore = store) -> String? {
        let set = SetCatalogue(family: .ipv4).set(.address, count: 1)
        let error = #expect(throws: DataplaneError.self) { try store.make([.create(set)]) }
        #expect(error?.kind == .unsupported)
        #expect(error?.errno == EPROTONOSUPPORT)
        return error?.message
    }
}

/// What libipset knows of types.
private enum LibraryTypes {
    /// Changes all revisions of a type.
    static func change(_ name: String, _ body: (UnsafeMutablePointer<ipset_type>) -> Void) {
        // Loads the types.
        _ = IPSetSession()
        var next = UnsafeMutablePointer(mutating: ipset_types())
        while let type = next {
            if String(cString: type.pointee.name) == name { body(type) }
            next = type.pointee.next
        }
    }

    /// As libipset marks those that the kernel lacks.
    static func forget(_ type: UnsafeMutablePointer<ipset_type>) {
        type.pointee.kernel_check = Int8(IPSET_KERNEL_MISMATCH)
    }
}
