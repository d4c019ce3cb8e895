import Addressing
import Dataplane
import DataplaneModel
import KubernetesClient
import Planning
import ServiceModel
import Testing

@testable import Observability

/// What of the passes becomes an Event.
@Suite("Report to the cluster")
struct ClusterReportTests {
    private static let web = ServiceName(namespace: "shop", name: "web")

    private static func services(_ origin: ServiceOrigin) -> ServiceSnapshot {
        ServiceSnapshot(services: [web: Service(name: web, origin: origin)], slices: [:])
    }

    private static func report(_ reasons: [String] = [], error: String? = nil) -> PassReport {
        var report = PassReport(kind: .incremental)
        let port = ServicePortName(service: web, port: "http", transport: .tcp)
        var outcome = PassReport.FamilyOutcome(family: .ipv4)
        outcome.issues = reasons.map { PlanIssue(port, reason: $0) }
        outcome.error = error.map {
            DataplaneError(kind: .other, operation: "test", subject: $0, errno: 5)
        }
        report.families = [outcome]
        return report
    }

    @Test("A Service's issues are reported when there is a new one, all in one Event")
    func issues() {
        var state = ClusterReport()
        func notes(_ reasons: [String], _ origin: ServiceOrigin = .cluster) -> [String] {
            state.update(Self.report(reasons), Self.services(origin)).map(\.note)
        }
        #expect(notes(["a"], .files).isEmpty)
        #expect(notes(["a"]) == ["port http: a"])
        #expect(notes(["a"]).isEmpty)
        #expect(notes(["b", "a"]) == ["port http: a; port http: b"])
        #expect(notes(["b"]).isEmpty)
        #expect(notes([]).isEmpty)
        #expect(notes(["b"]) == ["port http: b"])
    }

    @Test("Failed passes are reported from the third in a row on")
    func failures() {
        var state = ClusterReport()
        func reasons(_ error: String?) -> [String] {
            state.update(Self.report(error: error), Self.services(.cluster)).map(\.reason)
        }
        #expect(reasons("busy").isEmpty)
        #expect(reasons("busy").isEmpty)
        #expect(reasons("busy") == ["ProgrammingFailed"])
        #expect(reasons("busy") == ["ProgrammingFailed"])
        #expect(reasons(nil).isEmpty)
        #expect(reasons("busy").isEmpty)
    }

    @Test("Repaired rules name at most three Services")
    func drift() {
        var state = ClusterReport()
        var report = Self.report()
        report.families[0].report = FamilyPassReport(
            drift: 7,
            driftedServices: Set((1...9).map { ServiceName(namespace: "shop", name: "s\($0)") })
        )
        let event = state.update(report, Self.services(.cluster)).first
        #expect(event?.regarding == .node)
        #expect(
            event?.note == "Repaired 7 objects that another program had changed; "
                + "Services: shop/s1, shop/s2, shop/s3 and 6 more"
        )
    }
}
