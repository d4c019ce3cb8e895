/// Runs short programs to their end.
package enum LabCommand {
    /// The output of a program that has to succeed. Throws if it cannot be started, does not end by
    /// the deadline or fails.
    @discardableResult
    package static func run(
        _ arguments: [String],
        in namespace: String? = nil,
        input: [String]? = nil,
        _ deadline: Deadline = Deadline(in: .seconds(60))
    ) throws(LabError) -> String {
        let (output, status) = try result(arguments, in: namespace, input: input, deadline)
        guard status == 0 else {
            throw LabError("\(arguments.joined(separator: " ")): status \(status)\n\(output)")
        }
        return output
    }

    /// The output and the exit status. `input` are lines for it to read. Throws if it cannot be
    /// started or does not end by the deadline.
    package static func result(
        _ arguments: [String],
        in namespace: String? = nil,
        input: [String]? = nil,
        _ deadline: Deadline = Deadline(in: .seconds(60))
    ) throws(LabError) -> (output: String, status: Int32) {
        let process = try LabProcess(arguments, in: namespace)
        if let input {
            try process.writeLine(input.joined(separator: "\n"))
            process.closeInput()
        }
        return try process.finish(deadline)
    }
}
