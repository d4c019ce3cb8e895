import CSpawn
import Glibc

/// A program that runs in a namespace, with pipes for its input and output. It ends with its owner.
/// swift-subprocess ends a program with the task that started it; the callers here are synchronous.
package final class LabProcess {
    package let pid: Int32
    /// What was called, for messages.
    package let name: String
    private var input: Int32
    private let output: Int32
    private var unread: [UInt8] = []
    private var ended: Int32?

    /// Starts a program, found by PATH. Its output is both streams together. Throws if it cannot be
    /// started.
    package init(_ arguments: [String], in namespace: String? = nil) throws(LabError) {
        let call = namespace.map { ["ip", "netns", "exec", $0] + arguments } ?? arguments
        let started = try Self.start(call)
        name = arguments.joined(separator: " ")
        pid = started.pid
        input = started.input
        output = started.output
    }

    private static func start(
        _ call: [String]
    ) throws(LabError) -> (pid: Int32, input: Int32, output: Int32) {
        let (childInput, ownInput) = try pipe()
        let (ownOutput, childOutput) = try pipe()
        defer {
            close(childInput)
            close(childOutput)
        }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, childInput, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, childOutput, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, childOutput, 2)
        // An inherited socket would keep its port in use.
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        do throws(LabError) {
            return unsafe (try spawn(call, &actions, 0), ownInput, ownOutput)
        } catch {
            close(ownInput)
            close(ownOutput)
            throw error
        }
    }

    /// Starts a program that outlives this one, in a session of its own, with its output in a file.
    /// Throws if it cannot be started.
    package static func detach(
        _ arguments: [String],
        in namespace: String,
        log: String
    ) throws(LabError) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(
            &actions,
            1,
            log,
            O_WRONLY | O_CREAT | O_APPEND,
            0o644
        )
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        let call = ["ip", "netns", "exec", namespace] + arguments
        // POSIX_SPAWN_SETSID of spawn.h, which Glibc's module does not show.
        _ = try unsafe spawn(call, &actions, 0x80)
    }

    /// `flags` are those of posix_spawnattr_setflags(3).
    private static func spawn(
        _ call: [String],
        _ actions: UnsafePointer<posix_spawn_file_actions_t>,
        _ flags: Int32
    ) throws(LabError) -> pid_t {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // Not the mask of the calling thread: those of Dispatch block nearly all signals, so that SIGTERM would end nothing
        // and no alarm would end a wait for a lock.
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags | POSIX_SPAWN_SETSIGMASK))
        var words = unsafe call.map { unsafe strdup($0) }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        var child = pid_t()
        let result = unsafe posix_spawnp(&child, call[0], actions, &attributes, words, environ)
        guard result == 0 else {
            throw LabError("\(call[0]): cannot be started (errno \(result))")
        }
        return child
    }

    private static func pipe() throws(LabError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw LabError("pipe: errno \(errno)") }
        // Otherwise a program started meanwhile would keep them open.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    deinit {
        if ended == nil {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        closeInput()
        close(output)
    }

    /// Closes its input.
    package func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Writes a line to its input. Throws if it has closed that.
    package func writeLine(_ text: String) throws(LabError) {
        let bytes = Array((text + "\n").utf8)
        guard Self.write(bytes, to: input) == bytes.count else {
            throw LabError("\(name): cannot be written to (errno \(errno))")
        }
    }

    /// As write(2), but a program that has ended is only an error, and not a SIGPIPE for this one.
    private static func write(_ bytes: [UInt8], to pipe: Int32) -> Int {
        var broken = sigset_t()
        var former = sigset_t()
        unsafe sigemptyset(&broken)
        unsafe sigaddset(&broken, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &broken, &former)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &former, nil) }
        let count = unsafe Glibc.write(pipe, bytes, bytes.count)
        if count < 0, errno == EPIPE {
            // It is this thread's.
            var now = timespec()
            unsafe sigtimedwait(&broken, nil, &now)
            errno = EPIPE
        }
        return count
    }

    /// The next line of its output, without the line break; nil at the end. Throws if none comes by
    /// the deadline.
    package func readLine(_ deadline: Deadline) throws(LabError) -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            guard try readMore(deadline) else {
                defer { unread = [] }
                return unread.isEmpty ? nil : String(decoding: unread, as: UTF8.self)
            }
        }
    }

    /// Reads on to the first line that contains `text`. Throws if none comes by the deadline, or
    /// the output ends.
    @discardableResult
    package func waitForLine(
        containing text: String,
        _ deadline: Deadline = Deadline(in: .seconds(30))
    ) throws(LabError) -> String {
        var seen: [String] = []
        while let line = try readLine(deadline) {
            if line.contains(text) { return line }
            seen.append(line)
        }
        throw LabError("\(name): ended without \"\(text)\"\n\(seen.joined(separator: "\n"))")
    }

    /// All unread output up to the end of the program, and its exit status: 128 plus the signal's
    /// number if a signal ended it. Throws if it does not end by the deadline.
    package func finish(
        _ deadline: Deadline = Deadline(in: .seconds(60))
    ) throws(LabError) -> (output: String, status: Int32) {
        while try readMore(deadline) {}
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        ended = status
        let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
        return (String(decoding: unread, as: UTF8.self), code)
    }

    /// False once it has ended by itself.
    package var isRunning: Bool {
        guard ended == nil else { return false }
        var information = unsafe siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        return unsafe waitid(P_PID, id_t(pid), &information, flags) == 0
            && (unsafe information.si_signo) == 0
    }

    package func signal(_ number: Int32) {
        if ended == nil { kill(pid, number) }
    }

    /// False at the end of the output.
    private func readMore(_ deadline: Deadline) throws(LabError) -> Bool {
        var wanted = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        let ready = unsafe poll(&wanted, 1, deadline.milliseconds)
        if ready < 0, errno == EINTR { return true }
        guard ready > 0 else {
            let said = String(decoding: unread, as: UTF8.self)
            throw LabError("\(name): no output in time; last: \(said)")
        }
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = unsafe read(output, &chunk, chunk.count)
        if count > 0 { unread += chunk[..<count] }
        return count > 0
    }
}
