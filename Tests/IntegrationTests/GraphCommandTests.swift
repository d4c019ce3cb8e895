import Foundation
import NamespaceLab
import Testing

extension KernelSuites {
    @Suite("The command graph")
    struct GraphCommandTests {
        @Test("It draws what is asked for, to a file or not, and does not draw thousands unasked")
        func command() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            try fixture.write(LifeScript.web(1, 2))
            let one = try fixture.fairlead("graph", "shop/web")
            #expect(one.status == 0)
            #expect(one.output.hasPrefix("<svg "))
            #expect(one.output.contains("10.96.0.10:80"))
            let file = "\(fixture.directory)/web.dot"
            let dot = try fixture.fairlead("graph", "--format", "dot", "-o", file)
            #expect(dot.status == 0 && dot.output.isEmpty)
            #expect(try String(contentsOfFile: file, encoding: .utf8).hasPrefix("digraph "))
            let named = try fixture.fairlead("graph", "-o", file)
            #expect(named.status == 0)
            #expect(try String(contentsOfFile: file, encoding: .utf8).hasPrefix("digraph "))
            let picture = "\(fixture.directory)/web.png"
            #expect(try fixture.fairlead("graph", "-o", picture).status == 64)
            #expect(try fixture.fairlead("graph", "--format", "svg", "-o", picture).status == 64)
            #expect(!FileManager.default.fileExists(atPath: picture))
            try fixture.write(LifeScript.ballast(200), to: "other.yaml")
            #expect(try fixture.fairlead("graph").status == 1)
            #expect(try fixture.fairlead("graph", "--all").status == 0)
            #expect(try fixture.fairlead("graph", "shop/web").output == one.output)
            #expect(try fixture.fairlead("graph", "shop/nobody").status == 1)
            #expect(try fixture.fairlead("graph", "shop").status == 64)
        }
    }
}
