import Addressing
import ServiceModel
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("KubernetesStore")
struct KubernetesStoreTests {
    private static let web = ServiceName(namespace: "shop", name: "web")
    private static let start = APITime(seconds: 1000)

    private func store() -> KubernetesStore {
        KubernetesStore(nodeName: "node-a", startTime: Self.start)
    }

    private static func service(_ name: String, _ address: String) throws -> APIObject {
        let address = try #require(IPAddress(address))
        return object(
            name,
            .service(
                Service(
                    name: ServiceName(namespace: "shop", name: name),
                    clusterIPs: [address]
                )
            )
        )
    }

    private static func slice(
        _ name: String,
        of service: String = "web",
        _ address: String = "10.1.0.1",
        triggerTime: APITime? = nil
    ) throws -> APIObject {
        let address = try #require(IPAddress(address))
        return object(
            name,
            .slice(
                EndpointSlice(
                    name: name,
                    service: ServiceName(namespace: "shop", name: service),
                    family: address.family,
                    ports: [],
                    endpoints: [Endpoint(address: address)]
                ),
                triggerTime: triggerTime
            )
        )
    }

    private static func object(
        _ name: String,
        _ content: APIObject.Content,
        version: String = "1"
    ) -> APIObject {
        APIObject(
            key: APIObject.Key(namespace: "shop", name: name),
            resourceVersion: version,
            content: content
        )
    }

    @Test("A bad object keeps its last good version and is an issue until it is good or gone")
    func lastGood() throws {
        var store = store()
        let good = try Self.service("web", "10.96.0.1")
        #expect(store.replace(.services, with: [good]).services == [Self.web])
        let bad = Self.object("web", .bad(reason: "spec.type: \"x\" is no type"))
        var changes = store.apply(.modified(bad), to: .services)
        #expect(changes.services.isEmpty && changes.issues)
        #expect(store.snapshot.services[Self.web] != nil)
        #expect(
            store.snapshot.issues.map(\.description) == [
                "kubernetes: Service shop/web: spec.type: \"x\" is no type"
            ]
        )
        #expect(store.apply(.modified(bad), to: .services).isEmpty)
        #expect(store.replace(.services, with: [bad]).isEmpty)
        changes = store.apply(.modified(good), to: .services)
        #expect(changes.services.isEmpty && changes.issues && store.snapshot.issues.isEmpty)
        _ = store.apply(.modified(bad), to: .services)
        changes = store.apply(.deleted(bad), to: .services)
        #expect(changes.services == [Self.web] && store.snapshot.issues.isEmpty)
        #expect(store.snapshot.services.isEmpty)
    }

    @Test("A value left out is an issue, and the object counts without it")
    func leftOut() throws {
        var store = store()
        var partly = try Self.service("web", "10.96.0.1")
        partly.leftOut = ["spec.externalIPs[0]: no", "spec.externalIPs[1]: no"]
        var changes = store.replace(.services, with: [partly])
        #expect(changes.services == [Self.web] && changes.issues)
        #expect(store.snapshot.issues.count == 2)
        #expect(store.apply(.modified(partly), to: .services).isEmpty)
        partly.leftOut = ["spec.externalIPs[1]: no"]
        changes = store.apply(.modified(partly), to: .services)
        #expect(changes.services.isEmpty && changes.issues)
        #expect(
            store.snapshot.issues.map(\.description) == [
                "kubernetes: Service shop/web: spec.externalIPs[1]: no"
            ]
        )
        partly.leftOut = []
        #expect(store.apply(.modified(partly), to: .services).issues)
        #expect(store.snapshot.issues.isEmpty && store.snapshot.services[Self.web] != nil)
    }

    @Test("A change of metadata alone changes nothing")
    func metadataOnly() throws {
        var store = store()
        _ = store.replace(.services, with: [try Self.service("web", "10.96.0.1")])
        _ = store.replace(.endpointSlices, with: [try Self.slice("web-1")])
        let before = store.snapshot
        var service = try Self.service("web", "10.96.0.1")
        service.resourceVersion = "2"
        var slice = try Self.slice("web-1", triggerTime: APITime(seconds: 2000))
        slice.resourceVersion = "3"
        #expect(store.apply(.modified(service), to: .services).isEmpty)
        #expect(store.apply(.modified(slice), to: .endpointSlices).isEmpty)
        #expect(store.replace(.services, with: [service]).isEmpty)
        #expect(store.snapshot == before)
        #expect(store.takeTriggers().isEmpty)
    }

    @Test("A slice that goes to another Service leaves the one it had")
    func movedSlice() throws {
        var store = store()
        _ = store.replace(.endpointSlices, with: [try Self.slice("b"), try Self.slice("a")])
        #expect(store.snapshot.slices[Self.web]?.map(\.name) == ["a", "b"])
        let changes = store.apply(
            .modified(try Self.slice("a", of: "db")),
            to: .endpointSlices
        )
        #expect(changes.services == [Self.web, ServiceName(namespace: "shop", name: "db")])
        #expect(store.snapshot.slices[Self.web]?.map(\.name) == ["b"])
    }

    @Test("Trigger times later than the start are kept until they are taken or a slice goes")
    func triggerTimes() throws {
        var store = store()
        let early = APITime(seconds: 1000)
        let late = APITime(seconds: 1000, nanoseconds: 1)
        _ = store.replace(
            .endpointSlices,
            with: [
                try Self.slice("a", triggerTime: early), try Self.slice("b", triggerTime: late),
                try Self.slice("c"),
            ]
        )
        #expect(store.takeTriggers() == [Self.web: [EndpointTrigger(family: .ipv4, time: late)]])
        #expect(store.takeTriggers().isEmpty)
        _ = store.apply(
            .modified(try Self.slice("b", "10.1.0.2", triggerTime: late)),
            to: .endpointSlices
        )
        #expect(store.takeTriggers().isEmpty)
        let later = APITime(seconds: 3000)
        let changed = try Self.slice("b", "10.1.0.3", triggerTime: later)
        _ = store.apply(.modified(changed), to: .endpointSlices)
        _ = store.apply(.deleted(try Self.slice("c")), to: .endpointSlices)
        #expect(store.takeTriggers().isEmpty)
    }

    @Test("A trigger is of its slice's family, and goes with a slice of that family only")
    func triggerFamilies() throws {
        var store = store()
        let four = EndpointTrigger(family: .ipv4, time: APITime(seconds: 2000))
        let six = EndpointTrigger(family: .ipv6, time: APITime(seconds: 3000))
        let slices = [
            try Self.slice("a", triggerTime: four.time), try Self.slice("b", "10.1.0.2"),
            try Self.slice("c", "fd00::1", triggerTime: six.time),
        ]
        _ = store.replace(.endpointSlices, with: slices)
        #expect(store.takeTriggers().mapValues(Set.init) == [Self.web: [four, six]])
        _ = store.replace(.endpointSlices, with: [])
        _ = store.replace(.endpointSlices, with: slices)
        _ = store.apply(.deleted(slices[1]), to: .endpointSlices)
        #expect(store.takeTriggers() == [Self.web: [six]])
    }

    @Test("What an event takes away was deleted, and what a list lacks is missing")
    func removals() throws {
        var store = store()
        let db = ServiceName(namespace: "shop", name: "db")
        let services = [
            try Self.service("web", "10.96.0.1"), try Self.service("db", "10.96.0.2"),
        ]
        #expect(store.replace(.services, with: services).removals.isEmpty)
        let slices = [try Self.slice("a"), try Self.slice("b"), try Self.slice("c")]
        #expect(store.replace(.endpointSlices, with: slices).removals.isEmpty)
        let deleted = store.apply(.deleted(slices[0]), to: .endpointSlices).removals
        #expect(deleted.slices == [Self.web: ["a": .deleted]] && deleted.services.isEmpty)
        let moved = store.apply(.modified(try Self.slice("b", of: "db")), to: .endpointSlices)
        #expect(moved.removals.slices == [Self.web: ["b": .deleted]])
        let absent = store.replace(.endpointSlices, with: [try Self.slice("b", of: "db")])
        #expect(absent.removals.slices == [Self.web: ["c": .missing]])
        // A list that has it as something else says so.
        let list = store.replace(.services, with: [Self.object("web", .ignored)]).removals
        #expect(list.services == [Self.web: .deleted, db: .missing])
        _ = store.apply(.added(services[0]), to: .services)
        var all = list
        all.merge(store.apply(.deleted(services[0]), to: .services).removals)
        #expect(all.services == [Self.web: .deleted, db: .missing])
    }

    @Test("Only this node's Node object is used, and all ranges together")
    func nodeAndRanges() throws {
        var store = store()
        #expect(!store.hasList(of: .nodes))
        let own = NodeObject(name: "node-a", zone: "zone-a")
        func node(_ node: NodeObject) -> APIObject {
            APIObject(
                key: APIObject.Key(namespace: "", name: node.name),
                resourceVersion: "1",
                content: .node(node)
            )
        }
        let both = [node(own), node(NodeObject(name: "node-b"))]
        #expect(store.replace(.nodes, with: both).node)
        #expect(store.node == own && store.hasList(of: .nodes))
        #expect(store.apply(.deleted(both[1]), to: .nodes).isEmpty)
        #expect(store.apply(.deleted(both[0]), to: .nodes).node && store.node == nil)
        let range = try #require(IPPrefix("10.96.0.0/12"))
        let more = try #require(IPPrefix("10.0.0.0/16"))
        _ = store.replace(.serviceCIDRs, with: [Self.object("a", .serviceCIDR([range]))])
        let second = Self.object("b", .serviceCIDR([range, more]))
        #expect(store.apply(.added(second), to: .serviceCIDRs).serviceCIDRs)
        #expect(store.serviceCIDRs == [more, range])
    }

    /// The state of the store, recomputed from everything it received.
    private struct Naive {
        var last: [KubernetesResource: [APIObject.Key: APIObject.Content]] = [:]
        var good: [KubernetesResource: [APIObject.Key: APIObject.Content]] = [:]

        mutating func take(_ resource: KubernetesResource, _ object: APIObject) {
            last[resource, default: [:]][object.key] = object.content
            if case .bad = object.content { return }
            good[resource, default: [:]][object.key] = object.content
        }

        mutating func remove(_ resource: KubernetesResource, _ key: APIObject.Key) {
            last[resource]?[key] = nil
            good[resource]?[key] = nil
        }

        var snapshot: ServiceSnapshot {
            var snapshot = ServiceSnapshot()
            for case .service(var service) in (good[.services] ?? [:]).values {
                service.origin = .cluster
                snapshot.services[service.name] = service
            }
            for case .slice(let slice, _) in (good[.endpointSlices] ?? [:]).values {
                let slices = (snapshot.slices[slice.service] ?? []) + [slice]
                snapshot.slices[slice.service] = slices.sorted { $0.name < $1.name }
            }
            for (resource, objects) in last {
                for case (let key, .bad(let reason)) in objects {
                    snapshot.issues.append(
                        ObjectIssue(
                            source: "kubernetes",
                            object: "\(resource.kind) \(key)",
                            reason: reason,
                            service: resource == .services
                                ? ServiceName(namespace: key.namespace, name: key.name)
                                : ServiceName(ofSlice: key.name, namespace: key.namespace)
                        )
                    )
                }
            }
            snapshot.issues.sort()
            return snapshot
        }
    }

    @Test(
        "After any events the snapshot is what a rebuild gives, and the changed set is exact",
        arguments: 1...30
    )
    func rebuild(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var store = store()
        var naive = Naive()
        var before = naive.snapshot
        for step in 0..<150 {
            let resource =
                Bool.random(using: &random) ? KubernetesResource.services : .endpointSlices
            let changes: KubernetesStore.Changes
            if Int.random(in: 0..<12, using: &random) == 0 {
                let objects = try (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    try Self.random(resource, &random)
                }
                for key in (naive.last[resource] ?? [:]).keys
                where !objects.contains(where: { $0.key == key }) {
                    naive.remove(resource, key)
                }
                // Of two objects with one key the last counts, and only that one.
                let unique = Dictionary(objects.map { ($0.key, $0) }) { $1 }.values
                for object in unique { naive.take(resource, object) }
                changes = store.replace(resource, with: objects)
            } else {
                let object = try Self.random(resource, &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    naive.remove(resource, object.key)
                    changes = store.apply(.deleted(object), to: resource)
                case 1:
                    naive.take(resource, object)
                    changes = store.apply(.added(object), to: resource)
                default:
                    naive.take(resource, object)
                    changes = store.apply(.modified(object), to: resource)
                }
            }
            let now = naive.snapshot
            #expect(store.snapshot.services == now.services, "step \(step)")
            #expect(store.snapshot.slices == now.slices, "step \(step)")
            #expect(store.snapshot.issues == now.issues, "step \(step)")
            let names = Set(before.services.keys).union(before.slices.keys)
                .union(now.services.keys).union(now.slices.keys)
            let differing = names.filter {
                before.services[$0] != now.services[$0] || before.slices[$0] != now.slices[$0]
            }
            #expect(changes.services == differing, "step \(step)")
            #expect(changes.issues == (before.issues != now.issues), "step \(step)")
            before = now
        }
    }

    private static func random(
        _ resource: KubernetesResource,
        _ random: inout SplitMix64
    ) throws -> APIObject {
        let name = "n\(Int.random(in: 0..<6, using: &random))"
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return object(name, .ignored)
        case 1: return object(name, .bad(reason: "x\(Int.random(in: 0..<2, using: &random))"))
        default:
            let address = "10.0.0.\(Int.random(in: 1...3, using: &random))"
            if resource == .services { return try service(name, address) }
            return try slice(name, of: "n\(Int.random(in: 0..<3, using: &random))", address)
        }
    }
}
