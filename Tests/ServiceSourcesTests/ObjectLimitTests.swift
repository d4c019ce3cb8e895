import FoundationEssentials
import Glibc
import Testing

@testable import ServiceSources

/// A short manifest can ask for the product of its lists.
@Suite("Limits of one object")
struct ObjectLimitTests {
    private static func names(_ count: Int) -> String {
        (1...count).map { "{name: p\($0), port: \($0)}" }.joined(separator: ", ")
    }

    private static func addresses(_ count: Int) -> [String] {
        (0..<count).map { "10.180.\($0 / 250).\($0 % 250 + 1)" }
    }

    private static func decode(_ text: String) -> DecodedManifest {
        ManifestDecoder().decode(text)
    }

    private static let good = """
        services:
          - {name: good, address: 10.96.0.9, ports: [{port: 80}], endpoints: [{address: 10.180.0.1}]}

        """

    @Test("Ten thousand ports, and a hundred thousand endpoints, are within them")
    func within() {
        let endpoints = Self.addresses(50_000).map { "{address: \($0)}" }.joined(separator: ", ")
        let manifest = Self.decode(
            """
            services:
              - {name: ports, address: 10.96.0.10, ports: [\(Self.names(10_000))]}
              - name: endpoints
                address: 10.96.0.11
                ports: [\(Self.names(5))]
                endpoints: [\(endpoints)]
            """
        )
        #expect(manifest.bad.isEmpty)
        #expect(manifest.objects.count == 2)
    }

    @Test("Beyond them the object is refused by line and name, and the others are used")
    func beyond() {
        let endpoints = Self.addresses(501).map { "{address: \($0)}" }.joined(separator: ", ")
        let manifest = Self.decode(
            Self.good + """
                  - {name: pairs, address: 10.96.0.11, ports: [\(Self.names(500))], endpoints: [\(endpoints)]}
                """
        )
        #expect(manifest.objects.map(\.key.name) == ["good"])
        #expect(manifest.bad.map(\.line) == [3])
        #expect(
            manifest.bad.map(\.reason) == [
                "services[1]: too large: 501 endpoints with 500 ports each make 250500 pairs; at most 250000"
            ]
        )
    }

    private static func service(_ spec: String) -> DecodedManifest {
        decode("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n" + spec)
    }

    @Test("Ports count at each address")
    func addresses() {
        func reasons(_ count: Int) -> [String] {
            let addresses = Self.addresses(count).joined(separator: ", ")
            return Self.service(
                "spec: {clusterIP: 10.96.0.10, externalIPs: [\(addresses)], ports: [\(Self.names(500))]}"
            ).bad.map(\.reason)
        }
        #expect(reasons(499).isEmpty)
        #expect(
            reasons(500) == [
                "too large: 500 ports at 501 addresses each make 250500 pairs; at most 250000"
            ]
        )
    }

    @Test("They count for each source range, too")
    func sourceRanges() {
        func reasons(_ count: Int) -> [String] {
            let ranges = Self.addresses(1000).map { "\($0)/32" }.joined(separator: ", ")
            return Self.service(
                """
                spec:
                  type: LoadBalancer
                  clusterIP: 10.96.0.10
                  ports: [\(Self.names(count))]
                  loadBalancerSourceRanges: [\(ranges)]
                status: {loadBalancer: {ingress: [{ip: 198.51.100.1}]}}
                """
            ).bad.map(\.reason)
        }
        #expect(reasons(10).isEmpty)
        #expect(
            reasons(11) == [
                "too large: 11 ports, 1 load-balancer address and 1000 source ranges make 11000 combinations; at most 10000"
            ]
        )
    }

    @Test("Slices and the older Endpoints have the same limit")
    func slices() {
        let ports = (1...500).map { "{name: p\($0), port: \($0)}" }.joined(separator: ", ")
        let slice = Self.addresses(501).map { "{addresses: [\($0)]}" }.joined(separator: ", ")
        let legacy = Self.addresses(501).map { "{ip: \($0)}" }.joined(separator: ", ")
        let manifest = Self.decode(
            """
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
            addressType: IPv4
            ports: [\(ports)]
            endpoints: [\(slice)]
            ---
            apiVersion: v1
            kind: Endpoints
            metadata: {name: web, namespace: shop}
            subsets: [{addresses: [\(legacy)], ports: [\(ports)]}]
            """
        )
        #expect(manifest.objects.isEmpty)
        #expect(
            manifest.bad.map(\.reason)
                == Array(
                    repeating:
                        "too large: 501 endpoints with 500 ports each make 250500 pairs; at most 250000",
                    count: 2
                )
        )
    }

    @Test("An endpoint counts as many times as its weight says, up to 4095 places at a port")
    func weights() {
        func reasons(_ ports: Int, _ weights: [Int]) -> [String] {
            let endpoints = zip(Self.addresses(weights.count), weights)
                .map { "{address: \($0), weight: \($1)}" }.joined(separator: ", ")
            return Self.decode(
                """
                services:
                  - {name: web, address: 10.96.0.11, ports: [\(Self.names(ports))], endpoints: [\(endpoints)]}
                """
            ).bad.map(\.reason)
        }
        #expect(reasons(61, [4000, 93]).isEmpty)
        #expect(
            reasons(200, [4000, 93]) == [
                "services[0]: too large: 2 endpoints with 200 ports each, counted by their weights, make 818600 pairs; at most 250000"
            ]
        )
        // 61 ports with 4095 places each are 249795.
        #expect(reasons(61, [65535, 65535]).isEmpty)
        #expect(reasons(62, [65535, 65535]).count == 1)
        #expect(reasons(10_000, [0, 1]).isEmpty)
    }

    @Test("The weights of an EndpointSlice's annotation count as written")
    func annotatedWeights() {
        func isRefused(_ weight: Int) -> Bool {
            let manifest = Self.decode(
                """
                apiVersion: discovery.k8s.io/v1
                kind: EndpointSlice
                metadata:
                  name: web-1
                  namespace: shop
                  labels: {kubernetes.io/service-name: web}
                  annotations: {fairlead.dev/weight: "\(weight)"}
                addressType: IPv4
                ports: [\(Self.names(100))]
                endpoints: [{addresses: [10.180.0.1]}]
                """
            )
            return manifest.bad.map(\.reason).contains { $0.contains("too large") }
        }
        #expect(!isRefused(2500))
        #expect(isRefused(2501))
    }

    @Test("A manifest that is too large is refused by its size")
    func manifestSize() throws {
        let path =
            FileManager.default.temporaryDirectory.path
            + "/fairlead-manifest-\(getpid())-\(UInt32.random(in: 0 ... .max)).yaml"
        let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
        defer {
            close(descriptor)
            unlink(path)
        }
        // A hole: nobody could read it in time.
        try #require(ftruncate(descriptor, 1 << 40) == 0)
        guard case .unreadable(let reason) = ManifestFiles.read(path) else {
            Issue.record("the manifest was read")
            return
        }
        #expect(reason == "is larger than 64 MiB")
    }
}
