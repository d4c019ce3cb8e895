import CSpawn
import Dispatch
import Glibc

/// Runs a program without a shell, and takes what it prints.
enum PluginProcess {
    /// More output is refused.
    static let outputLimit = 1 << 20

    /// What the program printed by the time it ended, which must be with status 0 and within
    /// `timeout`; it and its children are killed then. Its standard error is ours.
    static func output(
        of arguments: [String],
        environment: [String: String],
        timeout: Duration
    ) async throws(ClientError) -> String {
        // It blocks, which the threads of Swift's tasks must not.
        let result: Result<String, ClientError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result { () throws(ClientError) in
                        try run(arguments, environment: environment, timeout: timeout)
                    }
                )
            }
        }
        return try result.get()
    }

    private static func run(
        _ arguments: [String],
        environment: [String: String],
        timeout: Duration
    ) throws(ClientError) -> String {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw failure("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let spawned = Result { () throws(ClientError) in
            try spawn(arguments, environment: environment, output: ends[1])
        }
        close(ends[1])
        let child = try spawned.get()
        let deadline = ContinuousClock.now + timeout
        do throws(ClientError) {
            let bytes = try readAll(ends[0], until: deadline)
            try wait(for: child, until: deadline)
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            kill(-child, SIGKILL)
            waitpid(child, nil, 0)
            throw error
        }
    }

    private static func spawn(
        _ arguments: [String],
        environment: [String: String],
        output: Int32
    ) throws(ClientError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        // Connections and listening sockets are none of its business, and not all are closed by exec.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, so that its children end with it; no signal blocked or ignored.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
        )
        var words = arguments.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var child = pid_t()
        let code = posix_spawnp(&child, arguments[0], &actions, &attributes, &words, &variables)
        guard code == 0 else { throw ClientError(String(cString: strerror(code))) }
        return child
    }

    private static func readAll(
        _ end: Int32,
        until deadline: ContinuousClock.Instant
    ) throws(ClientError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let left = ContinuousClock.now.duration(to: deadline).wholeMilliseconds
            guard left > 0 else { throw ClientError("took too long") }
            var wanted = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, Int32(clamping: left))
            if ready < 0, errno != EINTR { throw failure("poll") }
            guard ready > 0 else { continue }
            let count = read(end, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= outputLimit else { throw ClientError("prints too much") }
        }
    }

    private static func wait(
        for child: pid_t,
        until deadline: ContinuousClock.Instant
    ) throws(ClientError) {
        var status: Int32 = 0
        while waitpid(child, &status, WNOHANG) == 0 {
            guard ContinuousClock.now < deadline else { throw ClientError("took too long") }
            usleep(5000)
        }
        // The bits of WIFEXITED and WEXITSTATUS, which Swift can't see.
        guard status & 0x7f == 0 else { throw ClientError("ended by signal \(status & 0x7f)") }
        guard status == 0 else { throw ClientError("ended with status \(status >> 8 & 0xff)") }
    }

    private static func failure(_ call: String) -> ClientError {
        ClientError("\(call): \(String(cString: strerror(errno)))")
    }
}

extension Duration {
    /// Rounded down.
    var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
