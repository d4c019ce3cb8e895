import DaemonConfiguration
import Dataplane
import DataplaneModel
import KubernetesClient
import Logging
import Reconciling
import ServiceModel
import Telemetry
import Testing

/// Reloads, confirmations and the stop.
@Suite("Daemon's state: reload, confirm, stop")
struct DaemonReloadTests {
    private typealias Harness = DaemonHarness

    private static func started(_ configuration: DaemonConfiguration = Harness.files()) -> Harness {
        var harness = Harness(configuration)
        _ = harness.begin()
        harness.send(.arrived(.files(Harness.update(0..<20))))
        harness.advance(60)
        return harness
    }

    @Test("A reload that fails changes nothing, says so in status and to the service manager")
    func refused() {
        var harness = Self.started()
        harness.load = .refused("fairlead.yaml:3: mode: unknown")
        let sent = harness.send(.reload(.signal))
        #expect(sent.passes.isEmpty)
        #expect(
            sent.messages == [
                .reloading,
                .ready(
                    status:
                        "3 Services, last pass 0 ms; configuration not reloaded: fairlead.yaml:3: mode: unknown"
                ),
            ]
        )
        let turn = sent.turns.last
        #expect(turn?.configurationIssues == ["not reloaded: fairlead.yaml:3: mode: unknown"])
        #expect(turn?.configuration == Harness.files())
        #expect(sent.lines.map(\.level) == [.error])
        harness.advance(60)
        harness.load = .loaded(LoadedConfiguration(Harness.files()))
        let good = harness.send(.reload(.signal))
        #expect(good.turns.last?.configurationIssues == [])
        #expect(good.messages == [.reloading, .ready(status: "3 Services, last pass 0 ms")])
    }

    @Test("A reload is ready when the new configuration is in effect, and plans everything again")
    func reloaded() {
        var harness = Self.started()
        var new = Harness.files()
        new.mode = .ipvs
        new.masquerade.all = true
        new.removals.holdTime = .seconds(5)
        harness.load = .loaded(LoadedConfiguration(new))
        let asked = harness.state.handle(.reload(.signal), at: harness.now)
        guard case .load(let cause) = asked.first else {
            Issue.record("nothing is read: \(asked)")
            return
        }
        let loaded = harness.state.handle(.loaded(harness.load, cause), at: harness.now)
        #expect(loaded.messages == [.reloading])
        #expect(loaded.passes.isEmpty)
        let done = harness.state.handle(
            .reconfigured(problems: ["no nf_conntrack_max"]),
            at: harness.now
        )
        #expect(done.messages.first == .ready(status: "3 Services, last pass 0 ms"))
        #expect(done.passes.map(\.update.changed) == [.all])
        #expect(done.passes.map(\.kind) == [.full])
        let lines = done.lines
        #expect(lines.contains(LogLine(.notice, "Configuration reloaded")))
        #expect(
            lines.contains(
                LogLine(.warning, "Host problem found", ["problem": "no nf_conntrack_max"])
            )
        )
        #expect(lines.contains(LogLine(.warning, "Change requires a restart", ["field": "mode"])))
        // The mode stays, and what waits for a restart shows until the file takes it back.
        let turn = done.turns.first
        #expect(turn?.configuration.mode == .nftables && turn?.configuration.masquerade.all == true)
        #expect(turn?.configurationIssues == ["mode: the change takes effect at the next start"])
        _ = harness.state.handle(.passed(PassReport(kind: .full)), at: harness.now)
        new.mode = .nftables
        harness.load = .loaded(LoadedConfiguration(new))
        harness.advance(60)
        #expect(harness.send(.reload(.fileChanged)).turns.last?.configurationIssues == [])
    }

    @Test(
        "A signal and the change of the file it was sent for are one reload, in either order",
        arguments: [ReloadCause.signal, .fileChanged]
    )
    func twice(_ first: ReloadCause) {
        var harness = Self.started()
        var new = Harness.files()
        new.masquerade.all = true
        harness.load = .loaded(LoadedConfiguration(new))
        let second: ReloadCause = first == .signal ? .fileChanged : .signal
        #expect(
            harness.send(.reload(first)).lines.contains { $0.message == "Configuration reloaded" }
        )
        harness.advance(1)
        let again = harness.send(.reload(second)).lines
        #expect(!again.contains { $0.level > .debug && $0.message.hasPrefix("Configuration") })
        harness.advance(10)
        let later = harness.send(.reload(.signal)).lines
        #expect(later.contains { $0.level == .notice && $0.message == "Configuration reloaded" })
    }

    @Test("A confirmation releases what is held and returns how many Services that were")
    func confirm() {
        var harness = Self.started()
        let held = harness.send(.arrived(.files(Harness.update(0..<2, revision: 2))))
        #expect(held.turns.last?.hold?.services == 18)
        #expect(
            !held.contains { if case .forgetMissing(2) = $0 { true } else { false } }
        )
        harness.advance(1)
        let sent = harness.send(.confirm(ConfirmID(7)))
        #expect(sent.answers.map(\.id) == [ConfirmID(7)])
        #expect(sent.answers.map(\.count) == [18])
        #expect(sent.passes.map(\.update.snapshot.services.count) == [2])
        #expect(sent.turns.flatMap(\.endings).map(\.reason) == [.confirmed])
        #expect(sent.contains { if case .forgetMissing(2) = $0 { true } else { false } })
        #expect(harness.send(.confirm(ConfirmID(8))).answers.map(\.count) == [0])
    }

    @Test("Manifests that go missing while an API server is waited for are held, not forgotten")
    func missingBeforeStart() {
        func forgets(_ effects: [DaemonEffect]) -> Bool {
            effects.contains { if case .forgetMissing = $0 { true } else { false } }
        }
        var harness = Harness(Harness.both())
        _ = harness.begin()
        harness.send(.arrived(.files(Harness.update(0..<20, revision: 1))))
        harness.send(.arrived(.files(Harness.update([], revision: 2))))
        harness.advance(1)
        #expect(!forgets(harness.send(.tick)))
        let cluster = KubernetesUpdate(update: Harness.update(100..<103), node: Harness.node())
        let begun = harness.send(.arrived(.cluster(cluster)))
        #expect(begun.passes.map(\.update.snapshot.services.count) == [23])
        #expect(begun.turns.last?.hold?.services == 20)
        #expect(!forgets(begun))
        #expect(forgets(harness.send(.confirm(ConfirmID(1)))))
    }

    @Test("A hold ends by itself, and by settings that would not have held")
    func holdEnds() {
        var harness = Self.started()
        harness.send(.arrived(.files(Harness.update(0..<2))))
        harness.advance(599)
        #expect(harness.send(.tick).turns.last?.hold != nil)
        harness.advance(1)
        #expect(harness.send(.tick).turns.flatMap(\.endings).map(\.reason) == [.expired])
        harness.send(.arrived(.files(Harness.update(0..<40))))
        harness.advance(60)
        harness.send(.arrived(.files(Harness.update(0..<2))))
        var new = Harness.files()
        new.removals.percent = 100
        harness.load = .loaded(LoadedConfiguration(new))
        let sent = harness.send(.reload(.signal))
        #expect(sent.turns.flatMap(\.endings).map(\.reason) == [.settings])
    }

    @Test("At the stop nothing more is done, the rules stay, and a late confirmation is answered")
    func stop() {
        var harness = Self.started()
        let sent = harness.send(.stop(signal: 15))
        #expect(sent.messages == [.stopping])
        #expect(sent.hasEnd)
        #expect(sent.passes.isEmpty)
        #expect(sent.lines.map(\.message) == ["Stopping; the rules stay"])
        #expect(harness.send(.arrived(.files(Harness.update(0..<3)))).isEmpty)
        let late = harness.send(.confirm(ConfirmID(1)))
        #expect(late.answers.map(\.count) == [nil] && late.count == 1)
    }

    @Test("A stop during a pass ends when the pass has ended")
    func stopDuringPass() {
        var harness = Self.started()
        harness.look.hasDrifted = true
        let looked = harness.state.handle(.tick, at: harness.now)
        #expect(looked.looks.count == 1)
        let pass = harness.state.handle(.looked(harness.look), at: harness.now)
        #expect(pass.passes.count == 1)
        let stopped = harness.state.handle(.stop(signal: 2), at: harness.now)
        #expect(!stopped.hasEnd)
        let ended = harness.state.handle(.passed(PassReport(kind: .full)), at: harness.now)
        #expect(ended.hasEnd)
        #expect(ended.turns.last?.pass != nil)
    }
}
