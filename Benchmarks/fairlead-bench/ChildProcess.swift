import Glibc
import SystemCalls

/// Another program, started in the calling thread's network namespace.
struct ChildProcess {
    let id: pid_t

    /// The path of this program itself, for its hidden commands.
    static let bench = realpath("/proc/self/exe", nil).map { String(cString: $0) } ?? ""

    /// Starts `arguments`, of which the first is found in `PATH`. Descriptors of nil are
    /// inherited.
    init(
        _ arguments: [String],
        input: Int32? = nil,
        output: Int32? = nil,
        error: Int32? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input { posix_spawn_file_actions_adddup2(&actions, input, 0) }
        if let output { posix_spawn_file_actions_adddup2(&actions, output, 1) }
        if let error { posix_spawn_file_actions_adddup2(&actions, error, 2) }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var id = pid_t()
        let failure = posix_spawnp(&id, arguments[0], &actions, nil, words, environ)
        guard failure == 0 else {
            errno = failure
            throw BenchFailure.system(arguments[0])
        }
        self.id = id
    }

    /// Waits for the end, which must be a success or by this signal; the user and system time it took,
    /// in seconds.
    @discardableResult
    func wait(endedBy signal: Int32? = nil) throws -> Double {
        var status: Int32 = 0
        var usage = rusage()
        while wait4(id, &status, 0, &usage) < 0 {
            guard errno == EINTR else { throw BenchFailure.system("wait4") }
        }
        // The low seven bits are the signal.
        guard status == 0 || status & 0x7f == signal else {
            throw BenchFailure("a child ended with wait status \(status)")
        }
        return [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
        }
    }

    /// Runs a program that must succeed.
    static func run(_ arguments: String...) throws {
        try ChildProcess(arguments).wait()
    }

    /// Runs a program with `input` to read, and measures it.
    static func measure(_ arguments: [String], input: String) throws -> Cost {
        let file = try temporaryFile(input)
        defer { close(file) }
        let start = Cost.seconds(CLOCK_MONOTONIC)
        let cpu = try ChildProcess(arguments, input: file).wait()
        return Cost(cpu: cpu, wall: Cost.seconds(CLOCK_MONOTONIC) - start)
    }

    /// Runs a program; all it prints. On a terminal a line shows which one it is meanwhile.
    static func ask(_ arguments: [String]) throws -> String {
        let line = ProgressLine()
        line.show("measuring: \(arguments.dropFirst().joined(separator: " "))")
        defer { line.clear() }
        let (reading, writing) = try Pipe.open()
        defer { close(reading) }
        let child: ChildProcess
        do {
            defer { close(writing) }
            child = try ChildProcess(arguments, output: writing)
        }
        let answer = Pipe.readAll(reading)
        try child.wait()
        return answer
    }

    /// A nameless file, at its beginning.
    private static func temporaryFile(_ content: String) throws -> Int32 {
        var path = Array("/tmp/fairlead-bench-XXXXXX".utf8CString)
        let number = mkstemp(&path)
        guard number >= 0 else { throw BenchFailure.system("mkstemp") }
        unlink(path)
        var content = content
        try content.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = write(number, rest.baseAddress, rest.count)
                guard count > 0 else { throw BenchFailure.system("write") }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
        lseek(number, 0, SEEK_SET)
        return number
    }
}

/// A pipe's two ends, of which children get only what they are given.
enum Pipe {
    static func open() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw BenchFailure.system("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// All until the other end is closed.
    static func readAll(_ end: Int32) -> String {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(end, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
