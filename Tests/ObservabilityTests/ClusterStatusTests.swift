import Addressing
import DaemonConfiguration
import DataplaneModel
import Foundation
import HTTPServing
import KubernetesAPI
import Telemetry
import Testing

@testable import KubernetesClient
@testable import Observability

/// What status and metrics show of how the cluster is followed.
@Suite("Cluster status")
struct ClusterStatusTests {
    private let now = Moment.now

    private func state() -> KubernetesSourceState {
        var services = ResourceState()
        services.phase = .backingOff
        services.lastAnswer = now.instant.advanced(by: .seconds(-90))
        services.lastEvent = now.instant.advanced(by: .seconds(-40))
        services.failures = 3
        services.lastError = "Connection refused"
        services.lists = 2
        var slices = ResourceState()
        slices.phase = .watching
        slices.lastAnswer = now.instant.advanced(by: .seconds(-5))
        var ranges = ResourceState()
        ranges.phase = .absent
        ranges.lastAnswer = now.instant.advanced(by: .seconds(-3000))
        return KubernetesSourceState(
            resources: [.services: services, .endpointSlices: slices, .serviceCIDRs: ranges],
            isComplete: true
        )
    }

    private func view() -> DaemonView {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        return DaemonView(configuration, families: [.ipv4])
    }

    @Test("Each kind of object has its phase, and the last sign of life of any sort counts")
    func resources() {
        let status = ClusterStatus(state: state())
        let resources = status.following(at: now).resources
        #expect(resources.map(\.name) == ["endpointSlices", "serviceCIDRs", "services"])
        #expect(
            resources.map(\.phase) == ["watching", "not there", "waiting after a failure"]
        )
        // What the server does not have is not waited for.
        #expect(resources.map(\.heardSecondsAgo) == [5, nil, 40])
        #expect(status.metrics(at: now).flatMap(\.samples).map(\.value).prefix(2) == [40, 3])
    }

    @Test("The screen says who fails and why, and that memory is served")
    func screen() async {
        let view = view()
        #expect(await view.status(at: now).sources.isEmpty)
        view.publish {
            $0.cluster = ClusterStatus(state: state(), isFromMemory: true)
        }
        let text = await view.status(at: now).text
        #expect(text.contains("source     cluster, FROM MEMORY of an earlier run\n"))
        #expect(
            text.contains(
                "  services: waiting after a failure, heard 40s ago, 2 lists, 3 failures, last error: Connection refused\n"
            )
        )
        view.publish {
            $0.cluster = ClusterStatus(problem: "no kubeconfig")
        }
        #expect(await view.status(at: now).text.contains("cluster\n  no kubeconfig\n"))
    }

    @Test("A circle is named, and its lists do not count as signs of life")
    func circle() async {
        var circling = state()
        circling.resources[.services]?.phase = .watching
        circling.resources[.services]?.failures = 0
        circling.resources[.services]?.lastAnswer = now.instant
        circling.resources[.services]?.lastEvent = now.instant
        circling.resources[.services]?.lastWatch = now.instant.advanced(by: .seconds(-400))
        circling.resources[.services]?.listsWithoutWatch = ResourceState.circleLimit - 1
        #expect(circling.circling == nil)
        #expect(circling.lastSign == now.instant.advanced(by: .seconds(-5)))
        circling.resources[.services]?.listsWithoutWatch = 7
        #expect(circling.circling == "services: 7 lists without a working watch")
        #expect(circling.lastSign == now.instant.advanced(by: .seconds(-400)))
        let view = view()
        view.publish {
            $0.cluster = ClusterStatus(state: circling)
        }
        #expect(
            await view.status(at: now).text.contains(
                "  services: watching, heard 6m40s ago, 2 lists, NO WATCH WORKS, 7 lists without one,"
            )
        )
        let page = await view.metricsPages.answer(HTTPRequest(path: "/metrics")).body
        #expect(page.contains("fairlead_source_lists_without_watch{source=\"cluster\"} 7\n"))
    }

    @Test("Metrics show age and failures, and no age before the first answer")
    func metrics() async throws {
        let view = view()
        view.publish {
            $0.cluster = ClusterStatus(problem: "none", isFromMemory: true)
        }
        let silent = await view.metricsPages.answer(HTTPRequest(path: "/metrics")).body
        #expect(silent.contains("fairlead_source_failures{source=\"cluster\"} 0\n"))
        #expect(silent.contains("fairlead_source_from_memory{source=\"cluster\"} 1\n"))
        #expect(!silent.contains("fairlead_source_last_answer_age_seconds{"))
        view.publish {
            $0.cluster = ClusterStatus(state: state())
        }
        let page = await view.metricsPages.answer(HTTPRequest(path: "/metrics")).body
        #expect(page.contains("fairlead_source_failures{source=\"cluster\"} 3\n"))
        let name = "fairlead_source_last_answer_age_seconds{source=\"cluster\"} "
        let line = try #require(page.split(separator: "\n").first { $0.hasPrefix(name) })
        let age = try #require(Double(line.dropFirst(name.count)))
        // The page is of a moment after `now`, and before this one.
        #expect((40...40 + (ContinuousClock.now - now.instant) / .seconds(1)).contains(age))
    }
}
