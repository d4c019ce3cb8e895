import Foundation
import Testing

@testable import HostFacts

/// The command for a missing module, where there are modules.
@Suite("Cures in UML", .enabled(if: isUML))
struct CureUMLTests {
    @Test("A module that is missing is loaded by the command for it")
    func module() throws {
        let name = "ip_vs_nq"
        func isLoaded() throws -> Bool {
            try String(contentsOfFile: "/proc/modules", encoding: .utf8)
                .split(separator: "\n").contains { $0.hasPrefix("\(name) ") }
        }
        try #require(try Program.run(["modprobe", "-r", name]).status == 0)
        #expect(try !isLoaded())
        let cure = Cure.loadModule(name)
        #expect(Cure.missing(name, "CONFIG_IP_VS_NQ").hasPrefix(cure.command))
        #expect(try Program.run(["sh", "-c", cure.command]).status == 0)
        #expect(try isLoaded())
    }
}
