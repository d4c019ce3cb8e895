import Addressing
import CIPSet
import DataplaneModel
import Glibc
import HostFacts
import Synchronization

/// A session of libipset. It opens its socket at its first use, in the network namespace of the calling
/// thread.
///
/// libipset keeps its types, a cache of sets and a jump buffer in process-wide statics, so one call is
/// made at a time in the process. The cache, which knows nothing of namespaces, serves only commands
/// that are not used here.
@safe
struct IPSetSession: ~Copyable {
    private let session: OpaquePointer
    /// What the session prints.
    private let output: UnsafeMutablePointer<fairlead_text>

    /// True once libipset knows the types of sets.
    private static let library = Mutex(false)

    /// Stops the program if there is no memory for a session.
    init() {
        let output = UnsafeMutablePointer<fairlead_text>.allocate(capacity: 1)
        unsafe output.initialize(to: fairlead_text())
        var made: OpaquePointer?
        Self.library.withLock { isLoaded in
            if !isLoaded { ipset_load_types() }
            isLoaded = true
            unsafe made = fairlead_ipset_session(output)
        }
        guard let session = unsafe made else { preconditionFailure("out of memory") }
        unsafe self.session = session
        unsafe self.output = output
    }

    deinit {
        let session = unsafe session
        Self.library.withLock { _ in _ = unsafe ipset_session_fini(session) }
        unsafe free(output.pointee.bytes)
        unsafe output.deallocate()
    }

    // MARK: - Asking

    /// Agrees on a version of the protocol with the kernel, as otherwise the first command would; returns 0
    /// or the error number, EINVAL if the kernel has no ipset.
    func agree() -> Int32 {
        unsafe run(.protocolVersion) { unsafe ipset_cmd($0, IPSET_CMD_NONE, 0) == 0 }
    }

    /// The names of all sets of the namespace, foreign ones included. A name with a line break comes as
    /// several.
    func names() -> (names: [Substring], failure: Int32) {
        let (text, failure) = list(nil, IPSET_ENV_LIST_SETNAME)
        return (text.split(separator: "\n"), failure)
    }

    /// What libipset prints of a set without its entries, or the error number; ENOENT if there is no set of
    /// that name, EPROTO if libipset does not know the set's type or its revision.
    func header(of name: String) -> (text: String, failure: Int32) {
        list(name, IPSET_ENV_LIST_HEADER)
    }

    private func list(_ name: String?, _ option: ipset_envopt) -> (text: String, failure: Int32) {
        unsafe output.pointee.length = 0
        let failure = unsafe run(.list) { session in
            _ = unsafe ipset_session_output(session, IPSET_LIST_PLAIN)
            if let name { unsafe Self.set(session, IPSET_SETNAME, name) }
            unsafe ipset_envopt_set(session, option)
            defer { unsafe ipset_envopt_unset(session, option) }
            return unsafe ipset_cmd(session, IPSET_CMD_LIST, 0) == 0
        }
        guard failure == 0, let bytes = unsafe output.pointee.bytes,
            unsafe output.pointee.length > 0
        else { return ("", failure) }
        return (unsafe String(cString: bytes), 0)
    }

    /// Whether kernel and library have the type of set in a common revision; 0, or the error number.
    func ask(for kind: IPSetKind, _ family: IPFamily) -> Int32 {
        unsafe run(.type) { session in
            defer { unsafe ipset_data_reset(ipset_session_data(session)) }
            return unsafe Self.setType(session, kind, family)
        }
    }

    // MARK: - Changing

    /// Creates an empty set; returns 0 or the error number, EEXIST if there is one of that name.
    func create(_ name: String, like set: IPSet) -> Int32 {
        unsafe run(.create) { session in
            unsafe Self.set(session, IPSET_SETNAME, name)
            guard unsafe Self.setType(session, set.kind, set.family) else { return false }
            switch set.kind {
            case .address, .frontend, .frontendSource:
                let size = Self.hashSize(for: set.entries.count)
                unsafe Self.set(session, IPSET_OPT_HASHSIZE, size)
                unsafe Self.set(session, IPSET_OPT_MAXELEM, UInt32(clamping: set.capacity))
            case .port:
                unsafe Self.set(session, IPSET_OPT_PORT, UInt16.min)
                unsafe Self.set(session, IPSET_OPT_PORT_TO, UInt16.max)
            }
            if set.carriesMarks { unsafe Self.set(session, IPSET_OPT_SKBINFO, UInt32(1)) }
            return unsafe ipset_cmd(session, IPSET_CMD_CREATE, 0) == 0
        }
    }

    /// Swaps, renames or destroys; returns 0 or the error number.
    func perform(_ command: IPSetCommand, _ name: String, _ second: String?) -> Int32 {
        unsafe run(command) { session in
            unsafe Self.set(session, IPSET_SETNAME, name)
            if let second { unsafe Self.set(session, IPSET_OPT_SETNAME2, second) }
            return unsafe ipset_cmd(session, command.command, 0) == 0
        }
    }

    /// Buckets, a power of two: as many as keep the kernel from enlarging the table while it is filled
    /// (measured: 0.44 instead of 0.60 us an entry) and let it find most entries at once.
    private static func hashSize(for count: Int) -> UInt32 {
        var size: UInt32 = 64
        while size < count { size *= 2 }
        return size
    }

    private static func setType(
        _ session: OpaquePointer,
        _ kind: IPSetKind,
        _ family: IPFamily
    ) -> Bool {
        unsafe set(session, IPSET_OPT_TYPENAME, kind.rawValue)
        // A set without addresses has no family.
        let number = kind.number(of: family)
        if number != 0 { unsafe set(session, IPSET_OPT_FAMILY, number) }
        return unsafe fairlead_ipset_type(session, kind.revision) != nil
    }

    /// Sets a part of the next command's data. libipset copies it, and cuts off names that are too long.
    private static func set(
        _ session: OpaquePointer,
        _ option: ipset_opt,
        _ number: some FixedWidthInteger
    ) {
        var number = number
        _ = unsafe ipset_data_set(ipset_session_data(session), option, &number)
    }

    private static func set(_ session: OpaquePointer, _ option: ipset_opt, _ text: String) {
        _ = unsafe text.withCString {
            unsafe ipset_data_set(ipset_session_data(session), option, $0)
        }
    }

    // MARK: - Failures

    /// libipset's text for an error number that means the same for all types of sets.
    func text(of number: Int32, for command: IPSetCommand) -> String {
        var text = ""
        Self.library.withLock { _ in unsafe text = Self.text(session, number, command) }
        return text.last == "\n" ? String(text.dropLast()) : text
    }

    /// Returns 0 if `body` succeeds, or the number of the error.
    private func run(_ command: IPSetCommand, _ body: (OpaquePointer) -> Bool) -> Int32 {
        var failure: Int32 = 0
        Self.library.withLock { _ in
            unsafe ipset_session_report_reset(session)
            errno = 0
            if unsafe body(session) { return }
            // Not from the kernel: the number of the failed call, if one failed.
            let own = errno == 0 ? EPROTO : errno
            let report = unsafe String(cString: ipset_session_report_msg(session))
            // The session keeps only the text of the kernel's error number.
            let number = Self.numbers.first { unsafe Self.text(session, $0, command) == report }
            failure = number ?? own
        }
        return failure
    }

    private static func text(
        _ session: OpaquePointer,
        _ number: Int32,
        _ command: IPSetCommand
    ) -> String {
        unsafe ipset_session_report_reset(session)
        _ = unsafe ipset_errcode(session, command.command, number)
        defer { unsafe ipset_session_report_reset(session) }
        return unsafe String(cString: ipset_session_report_msg(session))
    }

    /// Those of system calls and those that all types of sets share.
    private static let numbers: [Int32] = {
        let first = Int32(IPSET_ERR_PRIVATE.rawValue)
        return Array(1...133) + Array(first...(first + 32))
    }()
}
