import Foundation
import NamespaceLab
import Testing

/// systemd/fairlead.service, as far as it can be tested without systemd as the first process.
@Suite("Service unit")
struct ServiceUnitTests {
    private static let file =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        + "/systemd/fairlead.service"

    /// The values of a setting, one for each time it is there.
    private static func values(_ name: String) throws -> [String] {
        try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("\(name)=") }
            .map { String($0.dropFirst(name.count + 1)) }
    }

    @Test("systemd finds nothing odd about it")
    func verify() throws {
        let directory =
            FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let copy = directory + "/fairlead.service"
        try String(contentsOfFile: Self.file, encoding: .utf8)
            .replacing("/usr/sbin/fairlead", with: BuiltProgram.fairlead)
            .write(toFile: copy, atomically: true, encoding: .utf8)
        let (output, status) = try LabCommand.result([
            "systemd-analyze", "verify", "--man=no", copy,
        ])
        #expect(status == 0 && output.isEmpty, "\(output)")
    }

    @Test("Nothing that boots has to wait for it")
    func ordering() throws {
        #expect(try Self.values("Before") == [])
        #expect(try Self.values("RequiredBy") == [])
        #expect(try Self.values("After") == ["network-pre.target"])
        #expect(try Self.values("Type") == ["notify"])
    }

    /// The thread pool calls `setpriority`, which is one of @resources, and reports a failure.
    @Test("A system call that is forbidden, and that the program makes, seems to succeed")
    func systemCalls() throws {
        let group = try LabCommand.run(["systemd-analyze", "syscall-filter", "@resources"])
        #expect(group.contains("setpriority"))
        let filters = try Self.values("SystemCallFilter")
        #expect(filters.last == "~setpriority:0")
        #expect(try Self.values("LimitNICE") == [])
    }
}
