import Addressing
import ServiceModel
import ServiceSources
import Testing

@Suite("ManifestStore")
struct ManifestStoreTests {
    private static let good = """
        services:
          - name: shop/web
            address: 10.96.0.10
            ports: [{port: 80}]
            endpoints: [{address: 10.180.0.11}]
          - name: shop/other
            address: 10.96.0.11
            ports: [{port: 80}]
            endpoints: [{address: 10.180.0.12}]

        """
    private static let web = ServiceName(namespace: "shop", name: "web")
    private static let other = ServiceName(namespace: "shop", name: "other")

    private func loaded() -> ManifestStore {
        var store = ManifestStore(decoder: ManifestDecoder())
        #expect(store.update("a.yaml", .text(Self.good)) == [Self.web, Self.other])
        #expect(store.snapshot.issues.isEmpty)
        return store
    }

    @Test("A bad object keeps its last good version and harms no other")
    func lastGood() {
        var store = loaded()
        let bad = Self.good.replacing("10.180.0.11", with: "10.180.0.311")
            .replacing("10.180.0.12", with: "10.180.0.13")
        #expect(store.update("a.yaml", .text(bad)) == [Self.other])
        #expect(store.snapshot.services.count == 2)
        #expect(store.snapshot.slices[Self.web]?.first?.endpoints.count == 1)
        let issue = store.snapshot.issues.map(\.description)
        #expect(issue.count == 1)
        #expect(issue.first?.hasPrefix("a.yaml:5: shop/web: ") == true, "\(issue)")
        #expect(store.update("a.yaml", .text(Self.good)) == [Self.other])
        #expect(store.snapshot.issues.isEmpty)
    }

    @Test("A bad value in a Kubernetes object is left out, and the object counts without it")
    func leftOut() {
        let slice = { (addresses: [String]) in
            """
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: w, namespace: shop, labels: {kubernetes.io/service-name: web}}
            addressType: IPv4
            endpoints:
            \(addresses.map { "- {addresses: [\($0)]}\n" }.joined())
            """
        }
        var store = ManifestStore(decoder: ManifestDecoder())
        _ = store.update("a.yaml", .text(slice(["10.0.0.1", "10.0.0.2"])))
        let text = slice(["10.0.0.1", "10.0.0.300", "10.0.0.3"])
        #expect(store.update("a.yaml", .text(text)) == [Self.web])
        let endpoints = store.snapshot.slices[Self.web]?.first?.endpoints
        #expect(endpoints?.map(\.address.description) == ["10.0.0.1", "10.0.0.3"])
        #expect(
            store.snapshot.issues.map(\.description) == [
                "a.yaml:7: shop/w: endpoints[1].addresses[0]: \"10.0.0.300\" is not an IPv4 address; this endpoint is left out"
            ]
        )
        let many = slice((0..<500).map { "10.0.0.1\($0)x" } + ["10.0.0.4"])
        #expect(store.update("a.yaml", .text(many)) == [Self.web])
        #expect(store.snapshot.slices[Self.web]?.first?.endpoints.count == 1)
        #expect(store.snapshot.issues.count == 11)
        #expect(store.snapshot.issues.contains { $0.reason == "490 more values are left out" })
    }

    @Test("What no proxy uses of valid endpoints is named")
    func ignoredParts() {
        var store = ManifestStore(decoder: ManifestDecoder())
        let text = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: w, namespace: shop, labels: {kubernetes.io/service-name: web}}
            addressType: IPv4
            ports: [{name: http, port: 80}, {name: http, port: 80, protocol: UDP}, {name: web, port: 80}]
            endpoints: [{addresses: [10.0.0.1, 10.0.0.2]}, {addresses: [10.0.0.3]}]
            """
        _ = store.update("a.yaml", .text(text))
        #expect(store.snapshot.issues.isEmpty)
        let parts = store.snapshot.ignoredParts
        #expect(parts.count == 3, "\(parts)")
        #expect(parts.allSatisfy { $0.hasPrefix("endpoints of shop/web (w): ") })
        #expect(parts.contains { $0.contains("10.0.0.1") } && !parts.contains { $0.contains(".3") })
    }

    private func object(_ version: String, _ kind: String = "Service") -> String {
        """
        {apiVersion: \(version), kind: \(kind), metadata: {name: web, namespace: shop}, \
        spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}

        """
    }

    @Test(
        "A kind of the same name in another API group is not Kubernetes' own",
        arguments: ["serving.knative.dev/v1", "example.com/v1"]
    )
    func otherGroups(_ version: String) {
        var store = ManifestStore(decoder: ManifestDecoder())
        let list =
            "{apiVersion: \(version), kind: ServiceList, items: [{metadata: {name: web, namespace: shop}}]}\n"
        let slice = object(version, "EndpointSlice")
        let text = [object(version), list, slice, object("v1")].joined(separator: "---\n")
        _ = store.update("a.yaml", .text(text))
        #expect(store.snapshot.issues.map(\.description) == [])
        #expect(store.snapshot.services[Self.web]?.clusterIPs.isEmpty == false)
    }

    @Test(
        "A version that is not known, or none, is an error of the object",
        arguments: [
            ("v2", "Service", "apiVersion: \"v2\" is not v1"),
            ("null", "Service", "apiVersion: is missing"),
            ("''", "Endpoints", "apiVersion: is missing"),
            (
                "discovery.k8s.io/v1beta1", "EndpointSlice",
                "apiVersion: \"discovery.k8s.io/v1beta1\" is not discovery.k8s.io/v1"
            ),
            ("v1", "EndpointSlice", "apiVersion: \"v1\" is not discovery.k8s.io/v1"),
        ]
    )
    func otherVersions(_ version: String, _ kind: String, _ reason: String) {
        var store = ManifestStore(decoder: ManifestDecoder())
        _ = store.update("a.yaml", .text(object(version, kind)))
        #expect(store.snapshot.issues.map(\.description) == ["a.yaml:1: shop/web: \(reason)"])
        #expect(store.snapshot.services.isEmpty)
    }

    @Test("The elements of a typed list are of its version")
    func typedList() {
        var store = ManifestStore(decoder: ManifestDecoder())
        let item =
            "{metadata: {name: web, namespace: shop}, spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}"
        for (version, count) in [("v2", 0), ("v1", 1)] {
            let text = "{apiVersion: \(version), kind: ServiceList, items: [\(item)]}\n"
            _ = store.update("a.yaml", .text(text))
            #expect(store.snapshot.services.count == count)
            #expect(store.snapshot.issues.count == 1 - count)
        }
    }

    @Test("Nothing is lost to a file cut off anywhere")
    func halfWritten() {
        for length in 1..<Self.good.count {
            var store = loaded()
            let cut = String(Self.good.prefix(length))
            _ = store.update("a.yaml", .text(cut))
            // A cut between two objects looks like a shorter file.
            let mayEnd = cut.hasSuffix("\n") || !store.snapshot.issues.isEmpty
            #expect(store.snapshot.services[Self.web] != nil || mayEnd, "cut at \(length)")
        }
        var store = loaded()
        #expect(store.update("a.yaml", .empty).isEmpty)
        #expect(store.update("a.yaml", .unreadable(reason: "cannot be read")).isEmpty)
        #expect(store.snapshot.services.count == 2)
        #expect(store.snapshot.issues.count == 1)
    }

    @Test("An empty file is an issue, and a masked one where it had something before")
    func empty() {
        var store = ManifestStore(decoder: ManifestDecoder(serviceProxyName: ""))
        _ = store.update("a.yaml", .masked)
        #expect(store.snapshot.issues.isEmpty && store.isGood("a.yaml"))
        _ = store.update("a.yaml", .empty)
        #expect(
            store.snapshot.issues.map(\.description) == [
                "a.yaml: the file is empty; delete it, or write services: [], if it is to have no Services"
            ]
        )
        _ = store.update("a.yaml", .text("services: []\n"))
        #expect(store.snapshot.issues.isEmpty)
        store = loaded()
        #expect(store.update("a.yaml", .masked).isEmpty)
        #expect(
            store.snapshot.issues.map(\.description) == [
                "a.yaml: the file is empty; its Services stay. Delete it to remove them"
            ]
        )
    }

    @Test("A deleted file takes its Services away")
    func deletion() {
        var store = loaded()
        #expect(store.update("a.yaml", .absent) == [Self.web, Self.other])
        #expect(store.snapshot.services.isEmpty)
    }

    /// What the text makes of the removals of a file that was whole before.
    private func removals(_ contents: ManifestStore.FileContent...) -> Removals {
        var store = loaded()
        _ = store.takeRemovals()
        for content in contents {
            _ = store.takeRemovals()
            _ = store.update("a.yaml", content)
        }
        return store.takeRemovals()
    }

    private static let onlyWeb = String(
        good.prefix(upTo: good.firstRange(of: "  - name: shop/other")?.lowerBound ?? good.endIndex)
    )

    @Test("An edit and a removed file delete; a file cut short or gone with all others is missing")
    func kinds() {
        let other = Self.good.replacing("shop/web", with: "shop/new")
        #expect(removals(.text(other)).services == [Self.web: .deleted])
        #expect(removals(.text("services: []\n")).services.count == 2)
        #expect(
            removals(.text("services: []\n")).services.values
                .allSatisfy { $0 == .deleted }
        )
        #expect(removals(.absent).services == [Self.web: .deleted, Self.other: .deleted])
        #expect(removals(.missing).services == [Self.web: .missing, Self.other: .missing])
        let cut = removals(.text(Self.onlyWeb))
        #expect(cut.services == [Self.other: .missing])
        #expect(cut.slices[Self.other]?.values.allSatisfy { $0 == .missing } == true)
        #expect(removals(.text("\n  \n")).services.count == 2)
        #expect(
            removals(.text("\n")).services.values.allSatisfy { $0 == .missing }
        )
        #expect(removals(.empty).isEmpty)
        #expect(removals(.unreadable(reason: "x")).isEmpty)
    }

    @Test("What a file that was cut short lacks is deleted by the next text without it")
    func afterCut() {
        let cut = ManifestStore.FileContent.text(Self.onlyWeb)
        #expect(removals(cut, .text(Self.good)).isEmpty)
        let edited = Self.onlyWeb.replacing("10.180.0.11", with: "10.180.0.19")
        #expect(
            removals(cut, .text(edited)).services == [Self.other: .deleted]
        )
        #expect(
            removals(cut, .text("services: [")).isEmpty
        )
        #expect(
            removals(cut, .absent).services == [Self.web: .deleted, Self.other: .deleted]
        )
        // Cut again, further up.
        #expect(
            removals(cut, .text("\n")).services == [Self.web: .missing]
        )
    }

    @Test("One Service in two files: the first one counts, and it is said")
    func twice() {
        var store = loaded()
        let copy = Self.good.replacing("10.180.0.1", with: "10.180.9.1")
        #expect(store.update("b.yaml", .text(copy)).isEmpty)
        #expect(store.snapshot.issues.allSatisfy { $0.source == "b.yaml" })
        #expect(!store.snapshot.issues.isEmpty)
        #expect(store.update("a.yaml", .absent) == [Self.web, Self.other])
        #expect(store.snapshot.issues.isEmpty)
    }

    @Test(
        "Hostile values are refused with their place, shown harmlessly",
        arguments: [
            "name: \"shop/$(reboot)\"", "name: \"shop/a\\nb\"", "name: ../../etc/passwd",
            "name: shop/web/more", "name: \"\"", "name: [1]", "name: shop/web, address: 10.0.0.256",
            "name: shop/web, address: \"fe80::1%eth0\"", "name: shop/web, surprise: 1",
            "name: shop/\(String(repeating: "x", count: 100_000))",
        ]
    )
    func hostile(_ fields: String) {
        var store = ManifestStore(decoder: ManifestDecoder())
        let text =
            "services:\n  - {\(fields), ports: [{port: 80}], endpoints: [{address: 10.0.0.1}]}\n"
        _ = store.update("h.yaml", .text(text))
        #expect(store.snapshot.services.isEmpty)
        #expect(store.snapshot.issues.count == 1)
        let shown = store.snapshot.issues.map(\.description).joined()
        #expect(shown.hasPrefix("h.yaml:2: "), "\(shown.prefix(200))")
        #expect(shown.utf8.count < 1000)
        #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test("An alias bomb is an error, not a dead daemon")
    func aliasBomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        var store = ManifestStore(decoder: ManifestDecoder())
        _ = store.update("bomb.yaml", .text(text))
        #expect(!store.snapshot.issues.isEmpty)
        #expect(store.snapshot.services.isEmpty)
    }
}
