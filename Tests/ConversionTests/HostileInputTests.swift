import Conversion
import Foundation
import ServiceModel
import Testing

@Suite("Hostile and malformed input of conversions")
struct HostileInputTests {
    /// `LINE: reason`; nil if the text can be converted.
    private static func failure(_ text: String) throws -> String? {
        do throws(ForeignFormat.Failure) {
            _ = try ForeignFormat.keepalived.convert(text)
            return nil
        } catch {
            return "\(error.line): \(error.reason)"
        }
    }

    @Test("Braces that say nothing are one error with the line")
    func braces() throws {
        #expect(
            try Self.failure("a\nvirtual_server 192.0.2.1 80 {\n  protocol TCP\n")
                == "2: the block of virtual_server 192.0.2.1 80 is not closed"
        )
        #expect(try Self.failure("global_defs\n}\n") == "2: } closes no block")
        #expect(try Self.failure("\n{\n}\n") == "2: { follows no keyword")
        #expect(try Self.failure("a \"b\n") == "1: a quote is not closed")
    }

    @Test("Deep nesting is refused at the level where it is too deep")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "a {\n", count: depth) + String(repeating: "}\n", count: depth)
        }
        #expect(try Self.failure(nested(32)) == nil)
        #expect(
            try Self.failure(nested(100_000))
                == "33: blocks nest deeper than 32 levels"
        )
    }

    @Test("No word of an input can put control characters into a finding")
    func words() throws {
        let goldens = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let folder = "/\(goldens)/Goldens"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        for (suffix, format) in [(".conf", ForeignFormat.keepalived), (".rules", .ipvsadm)] {
            let files = files.filter { $0.hasSuffix(suffix) }
            #expect(!files.isEmpty)
            for file in files {
                let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
                for place in text.indices where Self.beginsWord(place, text) {
                    let hostile = text[..<place] + "\u{1}\u{1b}[2J" + text[place...]
                    for finding in (try? format.convert(String(hostile)))?.findings ?? [] {
                        let isClean = finding.description(in: file).unicodeScalars.allSatisfy {
                            $0.properties.generalCategory != .control
                        }
                        #expect(isClean, "\(file): \(finding.reason.debugDescription)")
                    }
                }
            }
        }
    }

    private static func beginsWord(_ place: String.Index, _ text: String) -> Bool {
        guard !text[place].isWhitespace else { return false }
        return place == text.startIndex || text[text.index(before: place)].isWhitespace
    }

    @Test("A large range of addresses is refused and not written out")
    func ranges() throws {
        let text = """
            virtual_server_group all {
                10.0.0.0/8 80
                2001:db8::-2001:db9:: 80
                192.0.2.9-3 80
                192.0.2.0-255 80
            }
            virtual_server group all {
                protocol TCP
            }
            """
        let converted = try ForeignFormat.keepalived.convert(text)
        #expect(converted.services.count == 256)
        #expect(
            converted.findings.map(\.reason) == [
                "10.0.0.0/8 80: \"10.0.0.0/8\" has more than 256 addresses; it is left out",
                "2001:db8::-2001:db9:: 80: \"2001:db8::-2001:db9::\" has more than 256 addresses; it is left out",
                "192.0.2.9-3 80: \"192.0.2.9-3\" ends before it begins; it is left out",
            ]
        )
    }

    @Test("What the input says reaches the terminal without its control characters")
    func controlCharacters() throws {
        let escape = "\u{1b}[2J"
        let texts: [(ForeignFormat, String)] = [
            (
                .ipvsadm,
                "\(escape)\n-A -t \(escape):80\n-A -t 192.0.2.1:80 -s \(escape) \(escape)\n"
            ),
            (.keepalived, "\(escape) {\n}\nvirtual_server \(escape) 80 {\n}\n"),
            (
                .keepalived,
                "virtual_server 192.0.2.1 80 {\n \(escape)\n real_server \(escape) 1 {\n }\n}\n"
            ),
            (.cilium, "services:\n  - metadata: {name: \"\\e[2J\"}\n"),
        ]
        for (format, text) in texts {
            let findings = try format.convert(text).findings
            #expect(!findings.isEmpty)
            for finding in findings {
                #expect(!finding.description(in: "f\(escape)").contains("\u{1b}"))
            }
        }
    }

    @Test("No prefix of a good input ends the program")
    func truncation() throws {
        for file in ConversionTests.inputs {
            let format = try #require(
                file.hasSuffix("rules")
                    ? ForeignFormat.ipvsadm : file.hasSuffix("conf") ? .keepalived : .cilium
            )
            let whole = try ConversionTests.converted(file)
            #expect(!whole.services.isEmpty)
            let text = try ConversionTests.text(file)
            for length in stride(from: 0, to: text.utf8.count, by: 37) {
                let part = String(decoding: text.utf8.prefix(length), as: UTF8.self)
                let converted = try? format.convert(part)
                #expect((converted?.services.count ?? 0) <= whole.services.count + 1)
            }
        }
    }

    @Test("A real server with an unreadable weight keeps the default, as in keepalived")
    func weights() throws {
        let text = """
            virtual_server 192.0.2.1 80 {
                protocol TCP
                real_server 10.0.0.1 80 {
                    weight 1x
                }
                real_server 10.0.0.2 80 {
                    weight -1
                }
                weight 7
            }
            """
        let converted = try ForeignFormat.keepalived.convert(text)
        #expect(converted.services.first?.members.map(\.endpoint.weight) == [7, 7])
        #expect(converted.findings.map(\.line) == [4, 7])
    }

    @Test("ipvsadm refuses a real server with an unreadable weight, and so does the conversion")
    func refusedWeights() throws {
        let text = """
            -A -t 192.0.2.1:80 -s rr
            -a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 65536
            -a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 65535
            """
        let converted = try ForeignFormat.ipvsadm.convert(text)
        #expect(converted.services.first?.members.map(\.endpoint.weight) == [65535])
        #expect(converted.findings.map(\.line) == [2])
    }

    @Test("Comments and braces need no blank before them, quotes and ${NAME} keep theirs")
    func lines() throws {
        func server(_ text: String) throws -> [UInt32]? {
            try ForeignFormat.keepalived.convert(
                "virtual_server 192.0.2.1 80{protocol TCP\n\(text)\n}"
            )
            .services.first?.members.map(\.endpoint.weight)
        }
        #expect(try server("real_server 10.0.0.1 80{weight 3#main\n}") == [3])
        #expect(try server("real_server 10.0.0.1 80{weight 3}") == [3])
        #expect(try server("real_server 10.0.0.1 80{\nweight 3! main}\n}") == [3])
        #expect(try server("real_server 10.0.0.1 80{\n\"weight\" \"3\"\n}") == [3])
        #expect(try server("real_server 10.0.0.1 80 {\n alpha ${A}\n weight 2\n}") == [2])
        #expect(
            try server("real_server 10.0.0.1 80 {\n notify_up \"a \\\" } b\"\n weight 2\n}") == [2]
        )
        #expect(try server("real_server 10.0.0.1 80 {\n notify_up it's\n weight 2\n}") == [2])
    }

    @Test("The lines of a definition are not lines of the file")
    func definitions() throws {
        let text = """
            $S=\\
             real_server 1.1.1.1 80 {\\
             weight 1\\
             }}
            $T = {
            virtual_server 192.0.2.1 80 {
             protocol TCP
            }
            """
        let converted = try ForeignFormat.keepalived.convert(text)
        #expect(converted.services.count == 1)
        #expect(converted.findings.map(\.line) == [1, 5])
    }
}
