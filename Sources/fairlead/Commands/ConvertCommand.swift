import ArgumentParser
import Conversion
import PrintableText
import ServiceSources
import SystemCalls

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Convert another program's Services to the short form.",
        discussion: """
            Reads what ipvsadm -Sn writes, the virtual servers of a keepalived.conf, or the file of \
            Cilium's --lb-state-file, and writes a manifest. Each line or setting without an \
            equivalent is one line on standard error, with what follows from that; notes lose nothing. \
            Exit code 2 says that something is lost, 1 that nothing can be converted; then nothing is \
            written.

              ipvsadm -Sn | fairlead convert - -o /etc/fairlead/services.d/ipvs.yaml
              fairlead convert /etc/keepalived/keepalived.conf |
                fairlead plan --mode ipvs --services -
            """
    )

    @Argument(help: "The file to read; - for standard input.")
    var file: String

    @Option(help: "The program that the file is of. (default: recognised by the first word)")
    var from: ForeignFormat?

    @Option(name: .shortAndLong, help: "The file to write. (default: standard output)")
    var output: String?

    /// Larger inputs are refused.
    private static let maximumBytes = 64 << 20

    func run() throws {
        let title = file == StandardInput.path ? StandardInput.title : file
        let text = try text(title)
        guard let format = from ?? ForeignFormat(of: text) else {
            throw CommandFailure(
                "\(title): begins like none of the known formats; name it with --from"
            )
        }
        let converted: Converted
        do throws(ForeignFormat.Failure) {
            converted = try format.convert(text)
        } catch {
            throw CommandFailure("\(title):\(error.line): \(error.reason)")
        }
        for finding in converted.findings { complain(finding.description(in: title)) }
        // An empty manifest would remove the Services of the one that it replaces.
        guard converted.isWhole || !converted.services.isEmpty else {
            throw CommandFailure("\(title): nothing of it can be converted; nothing is written")
        }
        try deliver(converted.text, to: output)
        // Of what is cut off it would say that nothing is left out.
        if StandardOutput.isWritable { complain(Self.summary(converted)) }
        guard converted.isWhole else { throw ExitCode(2) }
    }

    /// `2 Services with 3 endpoints; nothing is left out`
    private static func summary(_ converted: Converted) -> String {
        let services = counted(converted.services.count, "Service")
        let endpoints = converted.services.reduce(0) { $0 + $1.members.count }
        let lost = converted.findings.count { $0.kind == .leftOut }
        return "\(services) with \(counted(endpoints, "endpoint")); "
            + (lost == 0 ? "nothing is left out" : "\(lost) not converted, see above")
    }

    private func text(_ title: String) throws -> String {
        let path = file == StandardInput.path ? "/dev/stdin" : file
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try WholeFile.read(
                path,
                limit: Self.maximumBytes,
                regularOnly: !WholeFile.isOpened(path)
            )
        } catch {
            throw CommandFailure("\(title): cannot be read: \(error.reason)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("\(title): not UTF-8 text")
        }
        return text
    }
}

extension ForeignFormat: ExpressibleByArgument {}
