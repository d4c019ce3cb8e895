import Addressing
import ServiceModel
import ServiceSources
import Testing

/// Weights, schedulers and forwarding, in both forms of manifests.
@Suite("Balancing in manifests")
struct BalancingTests {
    private static let web = ServiceName(namespace: "shop", name: "web")

    private func store(_ manifest: String) -> ManifestStore {
        var store = ManifestStore(decoder: ManifestDecoder())
        _ = store.update("a.yaml", .text(manifest))
        return store
    }

    private static func kubernetes(
        _ annotations: String,
        sliceAnnotations: String = "{}"
    ) -> String {
        """
        kind: Service
        apiVersion: v1
        metadata: {name: web, namespace: shop, annotations: \(annotations)}
        spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
        ---
        kind: EndpointSlice
        apiVersion: discovery.k8s.io/v1
        metadata:
          name: web-1
          namespace: shop
          labels: {kubernetes.io/service-name: web}
          annotations: \(sliceAnnotations)
        addressType: IPv4
        ports: [{port: 8080}]
        endpoints: [{addresses: [10.180.0.11]}, {addresses: [10.180.0.12]}]
        """
    }

    private func weights(_ store: ManifestStore) -> [UInt32] {
        store.snapshot.slices[Self.web]?.flatMap(\.endpoints).map(\.weight) ?? []
    }

    @Test("The short form has a scheduler, a way of forwarding and weights")
    func shortForm() {
        let store = store(
            """
            services:
              - name: shop/web
                address: 10.96.0.10
                ports: [{port: 80}]
                scheduler: lc
                forwarding: direct
                endpoints: [{address: 10.180.0.11, weight: 3}, {address: 10.180.0.12}]
            """
        )
        #expect(store.snapshot.issues.isEmpty)
        let service = store.snapshot.services[Self.web]
        #expect(service?.scheduler == .lc && service?.forwarding == .direct)
        #expect(weights(store) == [3, 1])
    }

    @Test("Annotations say the same of Kubernetes objects")
    func annotations() {
        let plain = store(Self.kubernetes("{}"))
        #expect(plain.snapshot.services[Self.web]?.scheduler == nil)
        #expect(plain.snapshot.services[Self.web]?.forwarding == .nat)
        #expect(weights(plain) == [1, 1])
        let annotated = store(
            Self.kubernetes(
                "{fairlead.dev/scheduler: mh, fairlead.dev/forwarding: tunnel}",
                sliceAnnotations: #"{fairlead.dev/weight: "5, 10.180.0.12=0"}"#
            )
        )
        #expect(annotated.snapshot.issues.isEmpty)
        #expect(annotated.snapshot.services[Self.web]?.scheduler == .mh)
        #expect(annotated.snapshot.services[Self.web]?.forwarding == .tunnel)
        #expect(weights(annotated) == [5, 0])
    }

    @Test(
        "An unknown value is one error with its position",
        arguments: [
            ("{fairlead.dev/scheduler: fastest}", "{}", "a.yaml:3: shop/web: "),
            ("{fairlead.dev/forwarding: teleport}", "{}", "a.yaml:3: shop/web: "),
            ("{}", #"{fairlead.dev/weight: "65536"}"#, "a.yaml:12: shop/web-1: "),
            ("{}", #"{fairlead.dev/weight: "10.0.0.300=1"}"#, "a.yaml:12: shop/web-1: "),
            ("{}", #"{fairlead.dev/weight: "1=2=3"}"#, "a.yaml:12: shop/web-1: "),
            ("{}", #"{fairlead.dev/weight: "1,,2"}"#, "a.yaml:12: shop/web-1: "),
            ("{}", #"{fairlead.dev/weight: "+1"}"#, "a.yaml:12: shop/web-1: "),
        ]
    )
    func mistakes(_ annotations: String, _ sliceAnnotations: String, _ place: String) {
        let store = store(
            Self.kubernetes(annotations, sliceAnnotations: sliceAnnotations)
        )
        let issues = store.snapshot.issues.map(\.description)
        #expect(issues.count == 1, "\(issues)")
        #expect(issues.first?.hasPrefix(place) == true, "\(issues)")
    }
}
