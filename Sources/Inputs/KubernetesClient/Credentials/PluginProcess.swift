import Subprocess
import SystemPackage

/// Runs a program without a shell, and takes what it prints.
enum PluginProcess {
    /// More output is refused.
    static let outputLimit = 1 << 20

    /// What the program printed by the time it ended, which must be with status 0 and within
    /// `timeout`; it and its children are killed then. It reads nothing, inherits standard error and
    /// no other descriptor, and finds no signal blocked or ignored.
    static func output(
        of arguments: [String],
        environment: [String: String],
        timeout: Duration
    ) async throws(ClientError) -> String {
        var variables: [Environment.Key: String] = [:]
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        var options = PlatformOptions()
        // A group of its own, so that its children end with it.
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(1))
        ]
        let program = arguments[0]
        let configuration = Configuration(
            executable: program.contains("/") ? .path(FilePath(program)) : .name(program),
            arguments: Arguments(Array(arguments.dropFirst())),
            environment: .custom(variables),
            platformOptions: options
        )
        do {
            let ended = try await withThrowingTaskGroup(
                of: (status: TerminationStatus, output: [UInt8])?.self
            ) { group in
                group.addTask {
                    let result = try await Subprocess.run(
                        configuration,
                        output: .bytes(limit: outputLimit),
                        error: .currentStandardError
                    )
                    return (result.terminationStatus, result.standardOutput)
                }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            switch ended {
            case nil: throw ClientError("took too long")
            case (.exited(0), let output)?: return String(decoding: output, as: UTF8.self)
            case (.exited(let code), _)?: throw ClientError("ended with status \(code)")
            case (.signaled(let signal), _)?: throw ClientError("ended by signal \(signal)")
            }
        } catch let error as ClientError {
            throw error
        } catch let error as SubprocessError {
            throw ClientError(words(error))
        } catch {
            throw ClientError("\(error)")
        }
    }

    private static func words(_ error: SubprocessError) -> String {
        switch error.code {
        case .outputLimitExceeded: "prints too much"
        case .executableNotFound: "\(Errno.noSuchFileOrDirectory)"
        default: error.underlyingError.map { "\($0)" } ?? error.description
        }
    }
}
