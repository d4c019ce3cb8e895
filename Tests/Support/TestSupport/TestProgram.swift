import Glibc

/// Runs programs for tests, without Foundation's `Process`: of two that were the first of a test run and started
/// at once, neither was seen to end, though both had (Swift 6.3.1, Linux).
package enum TestProgram {
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// What the program writes on its standard output; without a place for its errors. Throws if it cannot be started
    /// or fails.
    @discardableResult
    package static func run(_ arguments: [String], in directory: String = ".") throws -> [UInt8] {
        // "e" closes the pipe in other programs that are started meanwhile.
        let command = arguments.map(quoted).joined(separator: " ")
        let line = "cd \(quoted(directory)) && exec \(command) 2>/dev/null </dev/null"
        guard let pipe = popen(line, "re") else {
            throw Failure(description: "\(arguments): \(String(cString: strerror(errno)))")
        }
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            if count == 0 { break }
            output += buffer[..<count]
        }
        let status = pclose(pipe)
        guard status == 0 else { throw Failure(description: "\(arguments): status \(status)") }
        return output
    }

    /// One word for a shell.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
