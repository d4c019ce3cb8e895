import Glibc

/// A program that runs in a namespace, with its input and output in our hands. It ends with its
/// owner.
package final class LabProcess {
    package let pid: Int32
    /// What was called, for messages.
    package let name: String
    private let input: Int32
    private let output: Int32
    private var unread: [UInt8] = []
    private var ended: Int32?

    /// Starts a program, found by PATH. Its output is both streams together.
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
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, childInput, 0)
        posix_spawn_file_actions_adddup2(&actions, childOutput, 1)
        posix_spawn_file_actions_adddup2(&actions, childOutput, 2)
        for descriptor in openDescriptors() where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var words = call.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var child = pid_t()
        let result = posix_spawnp(&child, call[0], &actions, nil, words, environ)
        guard result == 0 else {
            close(ownInput)
            close(ownOutput)
            throw LabError("\(call[0]): cannot be started (errno \(result))")
        }
        return (child, ownInput, ownOutput)
    }

    /// Whatever is open here, a test's own listening socket for instance, is not a child's: it would
    /// stay open as long as the child runs.
    private static func openDescriptors() -> [Int32] {
        guard let directory = opendir("/proc/self/fd") else { return [] }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let descriptor = Int32(name) { found.append(descriptor) }
        }
        return found
    }

    private static func pipe() throws(LabError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw LabError("pipe: errno \(errno)") }
        // Else a program started meanwhile would keep them open.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    deinit {
        if ended == nil {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        close(input)
        close(output)
    }

    /// Writes a line to its input.
    package func writeLine(_ text: String) throws(LabError) {
        let bytes = Array((text + "\n").utf8)
        guard write(input, bytes, bytes.count) == bytes.count else {
            throw LabError("\(name): takes no input (errno \(errno))")
        }
    }

    /// The next line of its output, without its end; nil when there are no more.
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

    /// Reads on to the first line that contains `text`.
    @discardableResult
    package func waitForLine(
        containing text: String,
        _ deadline: Deadline = Deadline(in: .seconds(10))
    ) throws(LabError) -> String {
        var seen: [String] = []
        while let line = try readLine(deadline) {
            if line.contains(text) { return line }
            seen.append(line)
        }
        throw LabError("\(name): ended without \"\(text)\"\n\(seen.joined(separator: "\n"))")
    }

    /// All the output up to the end of the program, and its exit status; 128 and the signal's number
    /// if one ended it.
    package func finish(
        _ deadline: Deadline = Deadline(in: .seconds(20))
    ) throws(LabError) -> (output: String, status: Int32) {
        while try readMore(deadline) {}
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        ended = status
        let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
        return (String(decoding: unread, as: UTF8.self), code)
    }

    package func signal(_ number: Int32) {
        if ended == nil { kill(pid, number) }
    }

    /// False at the end of the output.
    private func readMore(_ deadline: Deadline) throws(LabError) -> Bool {
        var wanted = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        let ready = poll(&wanted, 1, deadline.milliseconds)
        if ready < 0, errno == EINTR { return true }
        guard ready > 0 else {
            let said = String(decoding: unread, as: UTF8.self)
            throw LabError("\(name): nothing more came in time; last: \(said)")
        }
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = read(output, &chunk, chunk.count)
        if count > 0 { unread += chunk[..<count] }
        return count > 0
    }
}

/// Runs short programs to their end.
package enum LabCommand {
    /// The output of a program that has to succeed.
    @discardableResult
    package static func run(
        _ arguments: [String],
        in namespace: String? = nil,
        _ deadline: Deadline = Deadline(in: .seconds(20))
    ) throws(LabError) -> String {
        let (output, status) = try result(arguments, in: namespace, deadline)
        guard status == 0 else {
            throw LabError("\(arguments.joined(separator: " ")): status \(status)\n\(output)")
        }
        return output
    }

    /// The output and the exit status, whatever that is.
    package static func result(
        _ arguments: [String],
        in namespace: String? = nil,
        _ deadline: Deadline = Deadline(in: .seconds(20))
    ) throws(LabError) -> (output: String, status: Int32) {
        let process = try LabProcess(arguments, in: namespace)
        return try process.finish(deadline)
    }
}
