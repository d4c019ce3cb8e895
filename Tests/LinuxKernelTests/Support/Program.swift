import CSpawn
import Glibc

/// A finished program: its exit status (128 and the signal that ended it, as in a shell) and all it
/// printed to either stream.
struct Program {
    var status: Int32
    var output: String

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The words that run an iptables program under a lock of the test's own; the host's stays out of
    /// this. In the words and not in this process's environment, as other tests run beside it.
    static func locking(_ path: String, _ arguments: [String]) -> [String] {
        ["env", "XTABLES_LOCKFILE=\(path)"] + arguments
    }

    /// Runs a program in this thread's network namespace and waits for it.
    @discardableResult
    static func run(_ arguments: [String], input: String = "") throws -> Program {
        let given = try TemporaryFile(input)
        let printed = try TemporaryFile("")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, given.number, 0)
        posix_spawn_file_actions_adddup2(&actions, printed.number, 1)
        posix_spawn_file_actions_adddup2(&actions, printed.number, 2)
        // Sockets of tests that run beside would stay open as long as the program runs.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let failure = posix_spawnp(&pid, arguments[0], &actions, nil, words, environ)
        guard failure == 0 else { throw Failure(description: "\(arguments): errno \(failure)") }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 127
        let result = signal == 0 ? (status >> 8) & 255 : 128 + signal
        return Program(status: result, output: printed.content)
    }

    /// The same for a program that must succeed; its output.
    @discardableResult
    static func check(_ arguments: [String], input: String = "") throws -> String {
        let program = try run(arguments, input: input)
        guard program.status == 0 else {
            let call = arguments.joined(separator: " ") + ": status \(program.status)"
            throw Failure(description: "\(call)\n\(program.output)\(input)")
        }
        return program.output
    }
}

/// A nameless file, gone with its owner.
private struct TemporaryFile: ~Copyable {
    let number: Int32

    init(_ content: String) throws {
        var path = Array("\(TestDirectory.path)/XXXXXX".utf8CString)
        number = mkstemp(&path)
        guard number >= 0 else { throw Program.Failure(description: "mkstemp: \(errno)") }
        unlink(path)
        var content = content
        let count = content.withUTF8 { write(number, $0.baseAddress, $0.count) }
        guard count == content.utf8.count else {
            throw Program.Failure(description: "write: \(errno)")
        }
        lseek(number, 0, SEEK_SET)
    }

    deinit {
        close(number)
    }

    var content: String {
        let size = Int(lseek(number, 0, SEEK_END))
        var bytes = [UInt8](repeating: 0, count: size)
        let count = pread(number, &bytes, size, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
