import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HealthChecking
import InstalledModes
import Planning
import ProxyModes
import ServiceModel
import Telemetry

/// What `fairlead status service` shows.
package struct ServiceStatus: Codable, Sendable {
    struct Frontend: Codable, Sendable {
        /// ClusterIP, external IP, load-balancer address, node port.
        var kind: String
        /// `10.96.0.10:80/tcp`; of a node port the number and protocol.
        var address: String
        /// Cluster or Local.
        var policy: String
    }

    /// Results of health checks.
    struct Health: Codable, Sendable {
        /// healthy, unhealthy, unknown.
        var verdict: String
        /// Since the verdict changed.
        var seconds: Double
        var lastProbeSecondsAgo: Double?
        var lastProbeSeconds: Double?
        /// Why the last probe failed; nil if it passed.
        var lastError: String?
        var probes: UInt64
        var failures: UInt64
    }

    struct Endpoint: Codable, Sendable {
        var address: String
        var node: String?
        var zone: String?
        var weight: UInt32
        /// For frontends with policy Cluster and Local: `chosen`, or why not; nil if there are none.
        var cluster: String?
        var local: String?
        /// Nil if it is not probed.
        var health: Health?
    }

    struct Port: Codable, Sendable {
        var family: String
        var name: String
        var frontends: [Frontend]
        var endpoints: [Endpoint]
        /// Nil where nothing is counted.
        var traffic: PortTraffic?
    }

    struct Objects: Codable, Sendable {
        var family: String
        /// In the format of the mode's tools, as planned for this Service alone.
        var text: String
    }

    var name: String
    var kind: String
    var origin: String
    var ports: [Port]
    var objects: [Objects]
    var issues: [String]
}

extension DaemonView {
    /// The Service as the last pass was given it; nil if there is no such Service.
    func status(of name: ServiceName) async -> ServiceStatus? {
        let snapshot = snapshot
        guard let service = snapshot.services.services[name],
            let settings = snapshot.lastPass?.settings
        else { return nil }
        let slices = snapshot.services.slices[name] ?? []
        let traffic = await traffic(snapshot)
        var status = ServiceStatus(
            name: name.description,
            kind: service.kind.rawValue,
            origin: service.origin.noun,
            ports: [],
            objects: [],
            issues: snapshot.issues(about: name)
        )
        if service.isHeld {
            status.issues.append("held by the removal guard: its source no longer has it")
        }
        for family in snapshot.families {
            guard
                let state = ServiceState(
                    service,
                    slices: slices,
                    family: family,
                    settings: settings
                )
            else { continue }
            for port in state.ports {
                let health = await snapshot.healthChecks.statuses(of: port.name, family)
                let endpoints = port.explainEndpoints(
                    slices,
                    family: family,
                    node: settings.node,
                    unhealthy: health.compactMapValues(\.ailment)
                )
                let counts = traffic.families[family]?[port.name]
                status.ports.append(.init(port, family, endpoints, health, counts))
            }
            var alone = ServiceSnapshot()
            alone.services[name] = service
            alone.slices[name] = slices
            let text = snapshot.configuration.chosenMode.installed.objects(alone, family, settings)
            status.objects.append(.init(family: family.rawValue, text: text))
        }
        return status
    }
}

extension InstalledMode {
    /// What the Services of `snapshot` add to a plan without any.
    fileprivate static func objects(
        _ snapshot: ServiceSnapshot,
        _ family: IPFamily,
        _ settings: PlannerSettings
    ) -> String {
        var desired = DesiredState(family: family, settings: settings)
        var planner = planner(family, settings)
        let names = desired.select(SnapshotUpdate(snapshot: snapshot, changed: .all))
        return text(planner.plan(names, of: desired), family)
    }
}

extension ServiceStatus.Port {
    fileprivate init(
        _ port: ServicePortState,
        _ family: IPFamily,
        _ endpoints: [EndpointExplanation],
        _ health: [SocketAddress: HealthStatus],
        _ traffic: PortTraffic?
    ) {
        self.family = family.rawValue
        name = port.name.port
        frontends = port.frontends.map {
            .init(
                kind: $0.kind.noun,
                address: "\($0.key)",
                policy: port.policy(of: $0.kind).rawValue
            )
        }
        let now = ContinuousClock.now
        self.endpoints = endpoints.map { one in
            .init(
                address: one.address.description,
                node: one.endpoint.nodeName,
                zone: one.endpoint.zone,
                weight: one.endpoint.weight,
                cluster: one.cluster.text,
                local: one.local.text,
                health: health[one.address].map { .init($0, at: now) }
            )
        }
        self.traffic = traffic
    }
}

extension ServiceStatus.Health {
    fileprivate init(_ status: HealthStatus, at now: ContinuousClock.Instant) {
        verdict = status.verdict.rawValue
        seconds = (now - status.since).inSeconds
        lastProbeSecondsAgo = status.lastProbe.map { (now - $0).inSeconds }
        lastProbeSeconds = status.lastDuration?.inSeconds
        lastError = status.lastError
        probes = status.counters.probes
        failures = status.counters.failures
    }
}

extension HealthStatus {
    /// Why an unhealthy endpoint is unhealthy.
    fileprivate var ailment: String? {
        verdict == .unhealthy ? lastError ?? "not healthy again yet" : nil
    }
}
