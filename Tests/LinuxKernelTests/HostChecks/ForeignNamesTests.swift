import Testing

@testable import HostChecks

/// Names of other programs' tables and chains in commands that people paste into a shell.
@Suite("Foreign names")
struct ForeignNamesTests {
    @Test(
        "A name that means nothing to a shell stays as it is",
        arguments: ["filter_FORWARD", "a-b.c/d"]
    )
    func plain(_ name: String) {
        #expect(NFTForeignChains.shown(name) == name)
    }

    @Test(
        "Whatever a name contains, a shell reads it as one argument and runs nothing",
        arguments: [
            "a;id", "$(id)", "`id`", "a'$(id)'", "a\"; id; \"", "a\nid", "a b", "\\'$(id)", "", "ä",
            "-f",
        ]
    )
    func hostile(_ name: String) throws {
        let shown = NFTForeignChains.shown(name)
        let echoed = try Program.run(["sh", "-c", "printf '[%s]' x\(shown)y"])
        #expect(echoed.status == 0)
        let harmless = name.filter {
            $0.isASCII && $0 != "'" && $0 != "\"" && $0 != "\\" && $0 != "\n"
        }
        #expect(echoed.output == "[x\"\(harmless)\"y]")
    }
}
