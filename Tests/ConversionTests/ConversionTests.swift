import Conversion
import Foundation
import ServiceModel
import ServiceSources
import Testing

@Suite("Conversion of other programs' Services")
struct ConversionTests {
    private static let directory =
        #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Goldens"

    static let inputs = [
        "director.rules", "plain.rules", "web.keepalived.conf", "plain.keepalived.conf",
        "corners.keepalived.conf", "state.cilium.yaml",
    ]

    static func text(_ file: String) throws -> String {
        try String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)
    }

    static func converted(_ file: String) throws -> Converted {
        let text = try text(file)
        return try #require(ForeignFormat(of: text)).convert(text)
    }

    /// What `fairlead convert` writes, and below it what it says. With FAIRLEAD_RECORD=1 in the
    /// environment the files are written anew.
    @Test("The result, and what has no equivalent, are as written down", arguments: inputs)
    func goldens(_ file: String) throws {
        let converted = try Self.converted(file)
        let findings = converted.findings.map { "# \($0.description(in: file))\n" }
        let text = converted.text + findings.joined()
        if ProcessInfo.processInfo.environment["FAIRLEAD_RECORD"] == "1" {
            try Data(text.utf8)
                .write(to: URL(fileURLWithPath: "\(Self.directory)/\(file).converted.yaml"))
        }
        #expect(try text == Self.text("\(file).converted.yaml"))
    }

    @Test("Lines that end in CR LF mean the same", arguments: inputs)
    func lineEnds(_ file: String) throws {
        let text = try Self.text(file)
        let converted = try #require(ForeignFormat(of: text)).convert(
            text.replacingOccurrences(of: "\n", with: "\r\n")
        )
        #expect(try converted == Self.converted(file))
    }

    @Test("Each input is one of the goldens")
    func everyInput() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.directory)
        #expect(files.filter { !$0.hasSuffix(".converted.yaml") }.sorted() == Self.inputs.sorted())
    }

    @Test("The manifest holds exactly the Services that were converted", arguments: inputs)
    func readsBack(_ file: String) throws {
        let converted = try Self.converted(file)
        let manifest = ManifestDecoder().decode(converted.text)
        #expect(manifest.bad == [])
        #expect(manifest.objects.count == converted.services.count)
        for (object, service) in zip(manifest.objects, converted.services) {
            let read = object.contents.compactMap { content -> Service? in
                guard case .service(let read) = content else { return nil }
                return read
            }
            var expected = service.service
            // What the short form says by its addresses.
            expected.kind = try #require(read.first).kind
            expected.families = try #require(read.first).families
            #expect(read == [expected])
            let endpoints = object.contents.flatMap { content -> [Endpoint] in
                guard case .slice(let slice) = content else { return [] }
                return slice.endpoints
            }
            var members = service.members.map(\.endpoint)
            for index in members.indices { members[index].zoneHints = [] }
            #expect(Set(endpoints) == Set(members))
            #expect(endpoints.count == members.count)
        }
    }

    @Test("An input that has an equivalent for everything loses nothing, others do")
    func wholeness() throws {
        for file in Self.inputs {
            #expect(try Self.converted(file).isWhole == file.hasPrefix("plain"), "\(file)")
        }
    }

    @Test("The order of the findings is that of the lines", arguments: inputs)
    func order(_ file: String) throws {
        let lines = try Self.converted(file).findings.map(\.line)
        #expect(lines == lines.sorted())
    }

    // MARK: - Formats

    @Test("A format is recognised by the first word alone, or not at all")
    func recognition() {
        #expect(ForeignFormat(of: "\n# x\n  -A -t 192.0.2.1:80 -s rr\n") == .ipvsadm)
        #expect(ForeignFormat(of: "! x\nvrrp_instance VI_1 {\n}\n") == .keepalived)
        #expect(ForeignFormat(of: "{\"services\": []}") == .cilium)
        #expect(ForeignFormat(of: "---\nservices: []\n") == .cilium)
        #expect(ForeignFormat(of: "apiVersion: v1\n") == nil)
        #expect(ForeignFormat(of: "-D -t 192.0.2.1:80\n") == nil)
        #expect(ForeignFormat(of: "") == nil)
    }

    @Test("A byte order mark at the beginning is no part of the text")
    func byteOrderMark() throws {
        for file in Self.inputs {
            let text = "\u{feff}" + (try Self.text(file))
            let format = try #require(ForeignFormat(of: text), "\(file)")
            #expect(try format.convert(text) == Self.converted(file), "\(file)")
        }
    }

    @Test("The short form is not Cilium's, and each Service says so")
    func shortForm() throws {
        let text = "services:\n  - name: web\n    address: 10.0.0.1\n    ports: [{port: 80}]\n"
        let converted = try ForeignFormat.cilium.convert(text)
        #expect(converted.services.isEmpty)
        #expect(converted.findings.map(\.reason) == ["services[0].metadata: is missing"])
    }

    /// `LINE: reason`; nil if the text can be converted.
    private static func refusal(cilium text: String) -> String? {
        do throws(ForeignFormat.Failure) {
            _ = try ForeignFormat.cilium.convert(text)
            return nil
        } catch {
            return "\(error.line): \(error.reason)"
        }
    }

    @Test("What is not valid YAML, or not Cilium's, is an error and not an empty result")
    func notCilium() throws {
        let invalid = try #require(Self.refusal(cilium: "services: []\n---\nservices: [\n"))
        #expect(invalid.contains("not valid YAML"))
        #expect(
            Self.refusal(cilium: "\nbackends: []\n")
                == "2: neither services nor endpoints are in the document"
        )
        #expect(Self.refusal(cilium: "- 1\n") == "1: must be a mapping, not a list")
        #expect(Self.refusal(cilium: "endpoints: []\n") == nil)
    }

    @Test("An unknown field of Cilium's file is a finding, and the others are used")
    func unknownField() throws {
        let text = """
            backends: []
            services:
              - metadata: {name: web}
                spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
            """
        let converted = try ForeignFormat.cilium.convert(text)
        #expect(converted.services.map(\.service.name.name) == ["web"])
        #expect(
            converted.findings.map { $0.description(in: "f") }
                == ["f:1: backends: unknown field; it is left out"]
        )
    }
}
