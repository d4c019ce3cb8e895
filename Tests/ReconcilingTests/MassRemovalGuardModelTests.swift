import Addressing
import Reconciling
import ServiceModel
import TestSupport
import Testing

/// Any sequence of changes, against a model that knows each object by itself.
@Suite("Removal guard and model")
struct MassRemovalGuardModelTests {
    private typealias Cluster = GuardedCluster

    /// Every object, and how it went.
    private struct Model {
        static let count = 8

        var wanted = ServiceSnapshot()
        var output = ServiceSnapshot()
        /// Objects that went missing since they were passed on.
        var missingServices: [ServiceName: Service] = [:]
        var missingSlices: [ServiceName: [String: EndpointSlice]] = [:]
        var removals = Removals()
        var changed: Set<ServiceName> = []

        static func serves(_ service: Service?, _ slices: [EndpointSlice]) -> Bool {
            service != nil && slices.contains { $0.endpoints.contains(where: \.ready) }
        }

        mutating func set(_ index: Int, _ service: Service?, _ kind: Removals.Kind) {
            let name = Cluster.name(index)
            if service == nil, let old = wanted.services[name] {
                removals.note(name, kind)
                missingServices[name] = kind == .missing ? old : nil
            } else if service != nil {
                missingServices[name] = nil
            }
            wanted.services[name] = service
            changed.insert(name)
        }

        mutating func set(
            _ index: Int,
            _ slice: String,
            _ new: EndpointSlice?,
            _ kind: Removals.Kind
        ) {
            let name = Cluster.name(index)
            var slices = wanted.slices[name] ?? []
            let old = slices.first { $0.name == slice }
            slices.removeAll { $0.name == slice }
            if let new {
                slices.append(new)
                missingSlices[name]?[slice] = nil
            } else if let old {
                removals.note(slice: slice, of: name, kind)
                missingSlices[name, default: [:]][slice] = kind == .missing ? old : nil
            }
            slices.sort { $0.name < $1.name }
            wanted.slices[name] = slices.isEmpty ? nil : slices
            changed.insert(name)
        }

        func kept(_ name: ServiceName) -> (service: Service?, slices: [EndpointSlice]) {
            let slices = (wanted.slices[name] ?? []) + (missingSlices[name] ?? [:]).values
            return (
                wanted.services[name] ?? missingServices[name],
                slices.sorted { $0.name < $1.name }
            )
        }

        /// The Services that are lost now and were not deleted.
        func lost(_ wasLost: Set<ServiceName>) -> Set<ServiceName> {
            Set(
                (0..<Self.count).map(Cluster.name).filter { name in
                    let kept = kept(name)
                    guard kept.service != nil,
                        !Self.serves(wanted.services[name], wanted.slices[name] ?? [])
                    else { return false }
                    let isMissing =
                        missingServices[name] != nil || missingSlices[name]?.isEmpty == false
                    if wasLost.contains(name) { return isMissing }
                    let did = Self.serves(output.services[name], output.slices[name] ?? [])
                    return did && isMissing && Self.serves(kept.service, kept.slices)
                }
            )
        }
    }

    @Test(
        "Deletions pass, missing Services are held or released, and nothing else happens",
        arguments: 1...60
    )
    func walk(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let settings = MassRemovalGuard.Settings(
            fraction: 0.5,
            minimum: 3,
            window: .zero,
            holdTime: .seconds(20)
        )
        var removalGuard = MassRemovalGuard(settings)
        var model = Model()
        var lost: Set<ServiceName> = []
        var now = ContinuousClock.now
        var holds = 0
        var endings = 0
        for step in 0..<400 {
            now = now.advanced(by: .seconds(1))
            model.removals = Removals()
            model.changed = []
            let wasHeld = removalGuard.hold != nil
            var total = 0
            for name in (0..<Model.count).map(Cluster.name) {
                let service = model.output.services[name]
                let serves = Model.serves(service, model.output.slices[name] ?? [])
                if serves || service?.isHeld == true { total += 1 }
            }
            let update: SnapshotUpdate
            let isEnded = Int.random(in: 0..<25, using: &random) == 0
            if isEnded, let confirmed = removalGuard.confirm(at: now) {
                update = confirmed
                lost = []
            } else if let expired = removalGuard.expire(at: now) {
                update = expired
                lost = []
            } else {
                Self.change(&model, &random)
                update = removalGuard.take(
                    SnapshotUpdate(
                        snapshot: model.wanted,
                        changed: .some(model.changed),
                        removals: model.removals
                    ),
                    at: now
                )
                lost = model.lost(lost)
                if lost.count < settings.minimum || Double(lost.count) <= Double(total) / 2 {
                    lost = []
                }
            }
            #expect((removalGuard.hold?.services ?? 0) == lost.count, "step \(step)")
            // What was passed on is known to be gone.
            model.missingServices = model.missingServices.filter { lost.contains($0.key) }
            model.missingSlices = model.missingSlices.filter { lost.contains($0.key) }
            check(update, model, lost, step)
            model.output = update.snapshot
            if !wasHeld, removalGuard.hold != nil { holds += 1 }
            endings += removalGuard.takeEndings().count
            #expect(holds == endings + (removalGuard.hold == nil ? 0 : 1), "step \(step)")
        }
        #expect(holds > 0)
    }

    private func check(
        _ update: SnapshotUpdate,
        _ model: Model,
        _ lost: Set<ServiceName>,
        _ step: Int
    ) {
        let owned = Set(model.wanted.services.values.flatMap(\.clusterIPs))
        var differing: Set<ServiceName> = []
        for name in (0..<Model.count).map(Cluster.name) {
            let (service, slices) = (update.snapshot.services[name], update.snapshot.slices[name])
            if model.output.services[name] != service || model.output.slices[name] != slices {
                differing.insert(name)
            }
            guard lost.contains(name) else {
                #expect(service == model.wanted.services[name], "step \(step), \(name)")
                #expect(slices == model.wanted.slices[name], "step \(step), \(name)")
                continue
            }
            let kept = model.kept(name)
            #expect((slices ?? []) == kept.slices, "step \(step), \(name)")
            var expected = kept.service
            if model.wanted.services[name] == nil {
                expected?.isHeld = true
                expected?.clusterIPs.removeAll { owned.contains($0) }
            }
            #expect(service == expected, "step \(step), \(name)")
        }
        #expect(update.changed == .some(differing), "step \(step)")
    }

    /// A few events, or a list that lacks something.
    private static func change(_ model: inout Model, _ random: inout SplitMix64) {
        let isList = Int.random(in: 0..<4, using: &random) == 0
        let kind: Removals.Kind = isList ? .missing : .deleted
        for _ in 0..<(isList ? 12 : Int.random(in: 1...3, using: &random)) {
            let index = Int.random(in: 0..<Model.count, using: &random)
            let slice = ["a", "b"][Int.random(in: 0...1, using: &random)]
            switch Int.random(in: 0..<(isList ? 3 : 8), using: &random) {
            case 0: model.set(index, nil, kind)
            case 1: model.set(index, slice, nil, kind)
            case 2:
                model.set(index, nil, kind)
                model.set(index, "a", nil, kind)
                model.set(index, "b", nil, kind)
            case 3:
                model.set(index, slice, Cluster.slice(index, slice, ready: false), kind)
            case 4:
                let address = Int.random(in: 0..<Model.count, using: &random)
                model.set(index, Cluster.service(index, address: address), kind)
            default:
                model.set(index, Cluster.service(index), kind)
                model.set(index, slice, Cluster.slice(index, slice), kind)
            }
        }
    }
}
