/// One Service and its slice, as a Helm chart and the cluster's controllers leave them.
struct APIBodyObject {
    var index: Int
    var endpoints: Int

    private var name: String { "checkout-backend-\(index)" }
    private var namespace: String { "team-\(index % 50)" }
    private var uid: String { "7c9e6679-7425-40de-944b-\(100_000_000_000 + index)" }
    private var serviceAddress: String {
        "10.\(96 + index >> 16).\(index >> 8 & 255).\(index & 255)"
    }

    private var labels: [(String, String)] {
        [
            ("app.kubernetes.io/name", "checkout-backend"),
            ("app.kubernetes.io/instance", name),
            ("app.kubernetes.io/managed-by", "Helm"),
            ("app.kubernetes.io/version", "2.14.\(index % 40)"),
            ("helm.sh/chart", "checkout-backend-1.9.3"),
            ("team", namespace),
        ]
    }

    private var annotations: [(String, String)] {
        [
            ("meta.helm.sh/release-name", name),
            ("meta.helm.sh/release-namespace", namespace),
            ("prometheus.io/scrape", "true"),
            ("prometheus.io/port", "9090"),
        ]
    }

    private func endpoint(_ number: Int) -> (address: String, node: String, zone: String) {
        let pod = index * endpoints + number
        return (
            "10.\(128 + pod >> 16).\(pod >> 8 & 255).\(pod & 255)",
            "ip-10-0-\(pod % 40)-\(pod % 200).eu-central-1.compute.internal",
            "eu-central-1\(["a", "b", "c"][pod % 3])"
        )
    }

    /// What server-side apply and the controllers note about each field.
    private func managed(_ fields: Int) -> String {
        let entries = (0..<fields).map {
            #""f:field\#($0)":{".":{},"k:{\"port\":\#(8000 + $0),\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}}"#
        }
        return #"{"f:metadata":{"f:annotations":{".":{}}},"f:spec":{"#
            + entries.joined(separator: ",") + "}}"
    }

    // MARK: - Protobuf

    private func metadata(
        _ message: inout WireMessage,
        name: String,
        managedFields: Int,
        _ labels: [(String, String)],
        _ annotations: [(String, String)]
    ) {
        message.text(1, name)
        message.text(2, "")
        message.text(3, namespace)
        message.text(5, uid)
        message.text(6, "\(900_000_000 + index)")
        message.number(7, 0)
        message.message(8) { $0.number(1, 1_750_000_000) }
        for (key, value) in labels { message.pair(11, key, value) }
        for (key, value) in annotations { message.pair(12, key, value) }
        for manager in ["helm", "kube-controller-manager"] {
            message.message(17) {
                $0.text(1, manager)
                $0.text(2, "Update")
                $0.text(3, "v1")
                $0.message(4) { $0.number(1, 1_750_000_000) }
                $0.text(6, "FieldsV1")
                let managed = managed(managedFields)
                $0.message(7) { $0.text(1, managed) }
            }
        }
    }

    var protobufService: [UInt8] {
        var service = WireMessage()
        service.message(1) { metadata(&$0, name: name, managedFields: 8, labels, annotations) }
        service.message(2) { spec in
            for (number, port) in ["http", "metrics"].enumerated() {
                spec.message(1) {
                    $0.text(1, port)
                    $0.text(2, "TCP")
                    $0.number(3, UInt64(80 + number))
                    $0.message(4) {
                        $0.number(1, 1)
                        $0.text(3, port)
                    }
                    $0.number(5, 0)
                }
            }
            for (key, value) in labels.prefix(2) { spec.pair(2, key, value) }
            spec.text(3, serviceAddress)
            spec.text(4, "ClusterIP")
            spec.text(7, "None")
            spec.text(8, "")
            spec.text(17, "SingleStack")
            spec.text(18, serviceAddress)
            spec.text(19, "IPv4")
            spec.text(22, "Cluster")
        }
        service.message(3) { $0.message(1) { _ in } }
        return service.bytes
    }

    var protobufSlice: [UInt8] {
        var slice = WireMessage()
        let labels = sliceLabels
        slice.message(1) {
            metadata(&$0, name: name + "-x7k2p", managedFields: 10, labels, sliceAnnotations)
        }
        for number in 0..<endpoints {
            let (address, node, zone) = endpoint(number)
            slice.message(2) {
                $0.text(1, address)
                $0.message(2) { for flag in 1...3 { $0.number(UInt64(flag), flag < 3 ? 1 : 0) } }
                $0.message(4) {
                    $0.text(1, "Pod")
                    $0.text(2, namespace)
                    $0.text(3, "\(name)-6d5f8c7b9d-\(number)")
                    $0.text(4, uid)
                }
                $0.text(6, node)
                $0.text(7, zone)
            }
        }
        for (number, port) in ["http", "metrics"].enumerated() {
            slice.message(3) {
                $0.text(1, port)
                $0.text(2, "TCP")
                $0.number(3, UInt64(8080 + number))
            }
        }
        slice.text(4, "IPv4")
        return slice.bytes
    }

    private var sliceLabels: [(String, String)] {
        labels + [
            ("kubernetes.io/service-name", name),
            ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
        ]
    }

    private var sliceAnnotations: [(String, String)] {
        [("endpoints.kubernetes.io/last-change-trigger-time", "2026-01-02T03:04:05Z")]
    }

    // MARK: - JSON

    private func jsonMetadata(
        name: String,
        managedFields: Int,
        _ labels: [(String, String)],
        _ annotations: [(String, String)]
    ) -> String {
        func map(_ pairs: [(String, String)]) -> String {
            pairs.map { #""\#($0)":"\#($1)""# }.joined(separator: ",")
        }
        let managers = ["helm", "kube-controller-manager"].map {
            #"{"manager":"\#($0)","operation":"Update","apiVersion":"v1","time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1","fieldsV1":\#(managed(managedFields))}"#
        }
        return #""metadata":{"name":"\#(name)","namespace":"\#(namespace)","uid":"\#(uid)","#
            + #""resourceVersion":"\#(900_000_000 + index)","creationTimestamp":"2026-01-02T03:04:05Z","#
            + #""labels":{\#(map(labels))},"annotations":{\#(map(annotations))},"#
            + #""managedFields":[\#(managers.joined(separator: ","))]}"#
    }

    var jsonService: String {
        let ports = ["http", "metrics"].enumerated().map { number, port in
            #"{"name":"\#(port)","protocol":"TCP","port":\#(80 + number),"targetPort":"\#(port)"}"#
        }
        let selector = labels.prefix(2).map { #""\#($0)":"\#($1)""# }.joined(separator: ",")
        return "{" + jsonMetadata(name: name, managedFields: 8, labels, annotations)
            + #","spec":{"ports":[\#(ports.joined(separator: ","))],"selector":{\#(selector)},"#
            + #""clusterIP":"\#(serviceAddress)","clusterIPs":["\#(serviceAddress)"],"#
            + #""type":"ClusterIP","sessionAffinity":"None","ipFamilies":["IPv4"],"#
            + #""ipFamilyPolicy":"SingleStack","internalTrafficPolicy":"Cluster"},"#
            + #""status":{"loadBalancer":{}}}"#
    }

    var jsonSlice: String {
        let all = (0..<endpoints).map { number in
            let (address, node, zone) = endpoint(number)
            return
                #"{"addresses":["\#(address)"],"conditions":{"ready":true,"serving":true,"terminating":false},"#
                + #""targetRef":{"kind":"Pod","namespace":"\#(namespace)","name":"\#(name)-6d5f8c7b9d-\#(number)","uid":"\#(uid)"},"#
                + #""nodeName":"\#(node)","zone":"\#(zone)"}"#
        }
        let ports = ["http", "metrics"].enumerated().map { number, port in
            #"{"name":"\#(port)","protocol":"TCP","port":\#(8080 + number)}"#
        }
        return "{"
            + jsonMetadata(
                name: name + "-x7k2p",
                managedFields: 10,
                sliceLabels,
                sliceAnnotations
            ) + #","addressType":"IPv4","endpoints":[\#(all.joined(separator: ","))],"#
            + #""ports":[\#(ports.joined(separator: ","))]}"#
    }
}
