import Addressing
import Foundation
import FoundationXML
import Picturing
import Planning
import ServiceModel
import TestSupport
import Testing

@Suite("Pictures")
struct PictureTests {
    // MARK: - Goldens

    private static let directory =
        #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Goldens"

    private static func golden(_ file: String) throws -> String {
        try String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)
    }

    private static func graph(_ names: Set<ServiceName>? = nil) throws -> ServiceGraph {
        try PictureScript.graph(golden("input.yaml"), names)
    }

    /// With FAIRLEAD_RECORD=1 in the environment the files are written anew.
    private func compare(_ text: String, _ file: String) throws {
        if ProcessInfo.processInfo.environment["FAIRLEAD_RECORD"] == "1" {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(Self.directory)/\(file)"))
        }
        let isSame = try text == Self.golden(file)
        #expect(isSame, "\(file) differs; record it anew and look at the picture")
    }

    @Test("One Service in full, all of them, and the language of Graphviz are as written down")
    func goldens() throws {
        let web = try Self.graph([ServiceName(namespace: "shop", name: "web")])
        // The picture in the README.
        try compare(SVGRenderer().render(web), "../../../docs/graph.svg")
        try compare(SVGRenderer().render(Self.graph()), "all.svg")
        try compare(DOTRenderer().render(web), "web.dot")
        #expect(try SVGRenderer().render(Self.graph()) == SVGRenderer().render(Self.graph()))
    }

    // MARK: - What is in it

    @Test("Each endpoint says whether it is chosen, and why not")
    func reasons() throws {
        let web = try #require(
            Self.graph().services.first { $0.name == ServiceName(namespace: "shop", name: "web") }
        )
        let lane = try #require(web.lanes.first)
        #expect(lane.family == .ipv4)
        #expect(
            lane.frontends.map(\.kind) == [.clusterIP, .nodePort, .loadBalancer, .healthCheck]
        )
        #expect(lane.frontends[2].sources == ["203.0.113.0/24"])
        #expect(lane.lists.map(\.policy) == [.cluster, .local])
        #expect(lane.endpoints.map(\.clusterShare) == [0.2, 0.6, 0.2, nil, nil, nil])
        #expect(lane.endpoints.map(\.localShare) == [0.25, 0.75, nil, nil, nil, nil])
        #expect(
            lane.endpoints.map(\.cluster)
                == [.chosen, .chosen, .chosen, .notReady, .terminating, .withoutWeight]
        )
        #expect(web.lanes.last?.lists.map(\.outcome) == [.served, .dropped])
    }

    @Test(
        "What is drawn as chosen is what planning has selected",
        arguments: 0..<40 as Range<UInt64>
    )
    func agreement(_ seed: UInt64) throws {
        var snapshots = RandomSnapshots(seed: seed)
        for _ in 0..<20 { _ = snapshots.next() }
        let snapshot = snapshots.snapshot
        var settings = PictureScript.settings
        settings.node.zone = "zone-1"
        for family in IPFamily.allCases {
            var desired = DesiredState(family: family, settings: settings)
            _ = desired.select(SnapshotUpdate(snapshot: snapshot, changed: .all))
            let graph = ServiceGraph([desired], snapshot: snapshot, mode: "nftables")
            for service in graph.services {
                let ports = desired.services[service.name]?.ports ?? []
                #expect(service.lanes.count == ports.count)
                for (lane, port) in zip(service.lanes, ports) {
                    let chosen = lane.endpoints.filter { $0.cluster.isInList }.map(\.address)
                    #expect(chosen == port.endpoints.cluster.map(\.description))
                    let local = lane.endpoints.filter { $0.local.isInList }.map(\.address)
                    #expect(local == port.endpoints.local.map(\.description))
                }
            }
        }
    }

    // MARK: - Hostile text, and much of it

    private static let hostile =
        "a\"]; b -> c; <script>alert('x')</script> &amp; \\N \u{202e}\u{0}\u{8}\n--> ]]> 漢字"

    private func hostileGraph(_ length: Int = 1) throws -> ServiceGraph {
        let text = String(repeating: Self.hostile, count: length)
        var graph = try Self.graph()
        graph.node = NodeIdentity(name: text, zone: text)
        for index in graph.services.indices {
            graph.services[index].name = ServiceName(namespace: text, name: text)
            graph.services[index].remarks = [text]
            graph.services[index].issues = [String](repeating: text, count: 9)
            for lane in graph.services[index].lanes.indices {
                graph.services[index].lanes[lane].port = text
                for endpoint in graph.services[index].lanes[lane].endpoints.indices {
                    graph.services[index].lanes[lane].endpoints[endpoint].zone = text
                    graph.services[index].lanes[lane].endpoints[endpoint].node = text
                    graph.services[index].lanes[lane].endpoints[endpoint].cluster =
                        .hintedElsewhere([text])
                }
            }
        }
        return graph
    }

    @Test(
        "Whatever names hold, the picture is well-formed XML without a script",
        arguments: [1, 30]
    )
    func wellFormed(_ length: Int) throws {
        var graph = try hostileGraph(length)
        var pictures = [SVGRenderer().render(graph), SVGRenderer().render(try Self.graph())]
        graph.services = (0..<40).flatMap { _ in graph.services }
        pictures.append(SVGRenderer().render(graph))
        graph.services = []
        pictures.append(SVGRenderer().render(graph))
        for picture in pictures {
            let elements = Elements()
            let parser = XMLParser(data: Data(picture.utf8))
            parser.delegate = elements
            #expect(parser.parse(), "\(String(describing: parser.parserError))")
            #expect(
                elements.names
                    == elements.names.intersection([
                        "svg", "g", "rect", "path", "circle", "text", "title", "style",
                    ])
            )
            #expect(!picture.contains("\u{202e}"))
        }
    }

    private final class Elements: NSObject, XMLParserDelegate {
        var names: Set<String> = []

        func parser(
            _ parser: XMLParser,
            didStartElement name: String,
            namespaceURI: String?,
            qualifiedName: String?,
            attributes: [String: String]
        ) {
            names.insert(name)
        }
    }

    @Test("Whatever names hold, no quote or backslash of theirs ends a string of DOT")
    func dotStrings() throws {
        let text = DOTRenderer().render(try hostileGraph())
        var isInString = false
        var outside = ""
        var isEscaped = false
        for character in text {
            if isInString, isEscaped {
                isEscaped = false
            } else if isInString, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isInString.toggle()
            } else if !isInString {
                outside.append(character)
            }
        }
        #expect(!isInString)
        #expect(!outside.contains("script"))
        #expect(!outside.contains("b ->"))
        #expect(text.contains("\\\\N"))
    }

    @Test("Long text is cut, and whole in the tooltip")
    func longNames() throws {
        var graph = try Self.graph([ServiceName(namespace: "shop", name: "web")])
        let name = String(repeating: "n", count: 120)
        graph.services[0].name.name = name
        let picture = SVGRenderer().render(graph)
        let (isWhole, isCut, isTooLong) = (
            picture.contains("<title>shop/\(name)</title>"), picture.contains("n…</text>"),
            picture.contains("\(name)</text>")
        )
        #expect(isWhole && isCut && !isTooLong)
    }

    @Test("Of many endpoints the rest is counted; many Services are tiles")
    func much() throws {
        var graph = try Self.graph([ServiceName(namespace: "shop", name: "web")])
        let endpoint = graph.services[0].lanes[0].endpoints[0]
        graph.services[0].lanes[0].endpoints = (0..<70).map { index in
            var endpoint = endpoint
            endpoint.address = "10.0.0.\(index):80"
            return endpoint
        }
        let hasNote = SVGRenderer().render(graph).contains("and 6 more, 6 of them chosen")
        #expect(hasNote)
        graph.services = (0..<200).map { index in
            var service = graph.services[0]
            service.name.name = "s\(index)"
            return service
        }
        let picture = SVGRenderer().render(graph)
        let hasLast = picture.contains("<title>shop/s199, 72 of 72 endpoints chosen</title>")
        #expect(hasLast)
        #expect(picture.utf8.count < 2_000_000)
    }
}

private enum PictureScript {
    static let settings = PlannerSettings(node: NodeIdentity(name: "node-a", zone: "zone-1"))

    /// What a manifest asks for, in both families.
    static func graph(_ manifest: String, _ names: Set<ServiceName>?) throws -> ServiceGraph {
        let snapshot = PictureManifest.snapshot(manifest)
        try #require(snapshot.issues.isEmpty)
        let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
        let desired = IPFamily.allCases.map { family in
            var state = DesiredState(family: family, settings: settings)
            _ = state.select(update)
            return state
        }
        return ServiceGraph(desired, snapshot: snapshot, names: names, mode: "nftables")
    }
}
