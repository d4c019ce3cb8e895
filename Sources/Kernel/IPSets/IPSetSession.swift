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

    /// Agrees on a version of the protocol with the kernel, as otherwise the first command would. Nil if
    /// that succeeds; a kernel without ipset refuses it with EINVAL.
    func agree() -> IPSetFailure? {
        unsafe run(.protocolVersion) { unsafe ipset_cmd($0, IPSET_CMD_NONE, 0) == 0 }
    }

    /// The names of all sets of the namespace, foreign ones included. A name with a line break comes as
    /// several.
    func names() throws(IPSetFailure) -> [Substring] {
        try list(nil, IPSET_ENV_LIST_SETNAME).split(separator: "\n")
    }

    /// What libipset prints of all sets of the namespace without their entries, a blank line between two.
    ///
    /// - Throws: a failure of libipset's also if it does not know the type, or its revision, of one of them.
    ///   The session cannot be used any more then.
    func headers() throws(IPSetFailure) -> String { try list(nil, IPSET_ENV_LIST_HEADER) }

    /// What libipset prints of a set without its entries.
    ///
    /// - Throws: the refusal ENOENT if there is no set of that name; a failure of libipset's if it does not
    ///   know the set's type, or its revision, but not only then.
    func header(of name: String) throws(IPSetFailure) -> String {
        try list(name, IPSET_ENV_LIST_HEADER)
    }

    private func list(
        _ name: String?,
        _ option: ipset_envopt
    ) throws(IPSetFailure) -> String {
        unsafe output.pointee.length = 0
        let failure = unsafe run(.list) { session in
            _ = unsafe ipset_session_output(session, IPSET_LIST_PLAIN)
            if let name { unsafe Self.set(session, IPSET_SETNAME, name) }
            unsafe ipset_envopt_set(session, option)
            defer { unsafe ipset_envopt_unset(session, option) }
            return unsafe ipset_cmd(session, IPSET_CMD_LIST, 0) == 0
        }
        if let failure { throw failure }
        guard let bytes = unsafe output.pointee.bytes, unsafe output.pointee.length > 0 else {
            return ""
        }
        return unsafe String(cString: bytes)
    }

    /// Whether libipset knows the type of a set in the set's revision; nil if the kernel does not say what
    /// type it is, as for a set that is gone.
    func knowsType(of name: String) -> Bool? {
        var knows: Bool?
        _ = unsafe run(.header) { session in
            defer { unsafe ipset_data_reset(ipset_session_data(session)) }
            unsafe Self.set(session, IPSET_SETNAME, name)
            guard unsafe ipset_cmd(session, IPSET_CMD_HEADER, 0) == 0 else { return false }
            knows = unsafe ipset_type_check(session) != nil
            return true
        }
        return knows
    }

    /// Whether kernel and library share a revision of the type of set that has all that is used; nil, or
    /// why not: EPROTONOSUPPORT with what the kernel has and what is needed.
    func ask(for kind: IPSetKind, _ family: IPFamily) -> IPSetFailure? {
        let failure = unsafe run(.type) { session in
            defer { unsafe ipset_data_reset(ipset_session_data(session)) }
            return unsafe Self.setType(session, kind, family)
        }
        guard var failure, !failure.isRefusal, let revisions = revisions(of: kind, family) else {
            return failure
        }
        failure.errno = EPROTONOSUPPORT
        let present = "the kernel has revisions \(revisions.lowerBound) to \(revisions.upperBound)"
        failure.text += " (\(present) of \(kind.rawValue); needed: \(kind.revision) or later)"
        return failure
    }

    /// Those that the kernel has; nil if it does not say.
    private func revisions(of kind: IPSetKind, _ family: IPFamily) -> ClosedRange<UInt8>? {
        var found: ClosedRange<UInt8>?
        _ = unsafe run(.type) { session in
            let data = unsafe ipset_session_data(session)
            defer { unsafe ipset_data_reset(data) }
            unsafe Self.describe(session, kind, family)
            guard unsafe ipset_cmd(session, IPSET_CMD_TYPE, 0) == 0,
                let last = unsafe Self.number(data, IPSET_OPT_REVISION)
            else { return false }
            // The kernel names the first one only if there are several.
            let first = unsafe Self.number(data, IPSET_OPT_REVISION_MIN) ?? last
            found = min(first, last)...last
            return true
        }
        return found
    }

    // MARK: - Changing

    /// Creates an empty set; nil if that succeeds. The kernel refuses it with EEXIST if there is one of that
    /// name.
    func create(_ name: String, like set: IPSet) -> IPSetFailure? {
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

    /// Swaps, renames or destroys; nil if that succeeds.
    func perform(_ command: IPSetCommand, _ name: String, _ second: String?) -> IPSetFailure? {
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
        unsafe describe(session, kind, family)
        return unsafe fairlead_ipset_type(session, kind.revision) != nil
    }

    private static func describe(_ session: OpaquePointer, _ kind: IPSetKind, _ family: IPFamily) {
        unsafe set(session, IPSET_OPT_TYPENAME, kind.rawValue)
        // A set without addresses has no family.
        let number = kind.number(of: family)
        if number != 0 { unsafe set(session, IPSET_OPT_FAMILY, number) }
    }

    /// A part of a session's data, if it is there.
    private static func number(_ data: OpaquePointer?, _ option: ipset_opt) -> UInt8? {
        unsafe ipset_data_get(data, option)?.load(as: UInt8.self)
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
        return Self.line(text)
    }

    /// Nil if `body` succeeds.
    private func run(_ command: IPSetCommand, _ body: (OpaquePointer) -> Bool) -> IPSetFailure? {
        var failure: IPSetFailure?
        Self.library.withLock { _ in
            unsafe ipset_session_report_reset(session)
            errno = 0
            if unsafe body(session) { return }
            let number = errno
            let report = unsafe String(cString: ipset_session_report_msg(session))
            // Of the kernel's error number the session keeps only the text.
            let refusal = Self.numbers.first { unsafe Self.text(session, $0, command) == report }
            failure = IPSetFailure(
                errno: refusal ?? (number == 0 ? EPROTO : number),
                text: Self.line(report),
                isRefusal: refusal != nil
            )
        }
        return failure
    }

    private static func line(_ text: String) -> String {
        text.split(separator: "\n").joined(separator: " ")
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
