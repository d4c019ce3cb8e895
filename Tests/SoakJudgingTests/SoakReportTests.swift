import SoakJudging
import Testing

/// What fails a run.
@Suite("Verdict of a soak")
struct SoakReportTests {
    private static let calm = Usage(process: 2, kibibytes: 20_000, descriptors: 40, threads: 12)

    private static func growth(_ change: (inout Usage) -> Void = { _ in }) throws -> Growth {
        var settled = calm
        change(&settled)
        let samples = [Usage](repeating: calm, count: Growth.warmUp + Growth.fewestActs)
        return try #require(Growth(samples, settled: settled))
    }

    /// The verdict on a run that is clean but for this.
    private func faults(
        ledger: Ledger = Ledger(targets: []),
        _ change: (inout SoakReport, inout SoakReport.Summary) throws -> Void
    ) throws -> [String] {
        var report = SoakReport()
        var summary = SoakReport.Summary()
        summary.minutes = 1
        summary.growth = try Self.growth()
        report.note("restart", miss: nil)
        report.add([ToyFault("restart")], repair: 400_000, outage: nil)
        try change(&report, &summary)
        report.finish(summary, ledger)
        return report.faults
    }

    @Test("A clean run has no faults, and its table shows all that is judged")
    func clean() throws {
        #expect(try faults { _, _ in } == [])
        var report = SoakReport()
        report.note("restart", miss: nil)
        report.add([ToyFault("restart")], repair: 400_000, outage: 300_000)
        var summary = SoakReport.Summary()
        (summary.minutes, summary.mode, summary.seed) = (1.25, "iptables", 7)
        summary.growth = try Self.growth { $0.descriptors += 2 }
        report.finish(summary, Ledger(targets: []))
        let lines = report.text.split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        for line in [
            "restart 1 400 400 10000 300", "mode, seed iptables, 7", "minutes 1.3",
            "faults with their effect 1 of 1", "descriptors grown 2 in 3 acts",
        ] {
            #expect(lines.contains(line), "\(report.text)")
        }
    }

    @Test("A connection that failed, or came to a wrong endpoint, fails the run")
    func connections() throws {
        var ledger = Ledger(targets: [["a:80/tcp"]])
        let history = EndpointHistory([[1]])
        for text in ["timeout", "pod2 10.0.0.1"] {
            let outcome = try #require(Outcome("0 1000 0 2000 \(text)", client: "node"))
            _ = ledger.judge(outcome, history)
        }
        #expect(try faults(ledger: ledger) { _, _ in } == ["failed", "wrong endpoint"])
    }

    @Test("Each fault has a time in which all must be right; with several it is doubled")
    func repair() throws {
        let quick = ToyFault("flush")
        func late(_ faults: [any FaultTraits], _ seconds: Double) throws -> Bool {
            try self.faults { report, _ in
                report.add(faults, repair: Int(seconds * 1_000_000), outage: nil)
            } == ["put right too late"]
        }
        #expect(try !late([quick], 10))
        #expect(try late([quick], 10.1))
        #expect(try !late([quick, ToyFault("server")], 20))
        #expect(try late([quick, ToyFault("server")], 20.1))
        let never = try faults { report, _ in report.addUnrepaired("flush", "-A") }
        #expect(never == ["not put right"])
        var slow = SoakReport(slowness: 3)
        slow.add([quick], repair: 29_000_000, outage: nil)
        slow.finish(SoakReport.Summary(), Ledger(targets: []))
        #expect(!slow.faults.contains("put right too late"))
    }

    @Test("A fault that never had an effect fails the run; one that had it once does not")
    func effects() throws {
        #expect(
            try faults { report, _ in report.note("flush", miss: "4 rules after it") }
                == ["faults without any effect"]
        )
        #expect(
            try faults { report, _ in
                report.note("flush", miss: "4 rules after it")
                report.note("flush", miss: nil)
            } == []
        )
    }

    @Test("An end of its own and UDP to endpoints that are gone fail the run")
    func others() throws {
        #expect(try faults { $1.ends = ["status 134"] } == ["ended by itself"])
        #expect(try faults { $1.staleFlows = ["udp"] } == ["UDP to endpoints that are gone"])
    }

    @Test("Growth beyond its bound fails the run, and so do too few acts to tell")
    func growth() throws {
        func faults(_ change: @escaping (inout Usage) -> Void) throws -> [String] {
            try self.faults { $1.growth = try Self.growth(change) }
        }
        #expect(try faults { $0.kibibytes += Growth.allowedKibibytes } == [])
        #expect(try faults { $0.kibibytes += Growth.allowedKibibytes + 1 } == ["memory grown"])
        #expect(try faults { $0.descriptors += Growth.allowedDescriptors } == [])
        #expect(
            try faults { $0.descriptors += Growth.allowedDescriptors + 1 } == ["descriptors grown"]
        )
        #expect(try faults { $0.threads += Growth.allowedThreads } == [])
        #expect(try faults { $0.threads += Growth.allowedThreads + 1 } == ["threads grown"])
        #expect(
            try self.faults { $1.growth = nil } == ["too few acts to tell whether it grows"]
        )
    }

    @Test("Growth counts from the end of the warm-up of the last process, and no other's samples")
    func lives() {
        func usage(_ process: Int32, _ kibibytes: Int) -> Usage {
            Usage(process: process, kibibytes: kibibytes, descriptors: 40, threads: 12)
        }
        let first = (0..<20).map { usage(1, 9000 + $0) }
        let warmUp = (1...Growth.warmUp).map { usage(2, 1000 * $0) }
        let rest = (0..<Growth.fewestActs).map { usage(2, 90_000 + $0) }
        let settled = usage(2, 7000)
        #expect(Growth(first, settled: settled) == nil)
        #expect(Growth(first + warmUp + rest.dropLast(), settled: settled) == nil)
        let growth = Growth(first + warmUp + rest, settled: settled)
        #expect(growth?.kibibytes == 7000 - 1000 * Growth.warmUp)
        #expect(growth?.acts == Growth.fewestActs)
        #expect(Growth.isEnough(Growth.warmUp + Growth.fewestActs))
        #expect(!Growth.isEnough(Growth.warmUp + Growth.fewestActs - 1))
    }

    @Test("Of several looks at a process the least of each counts")
    func least() {
        #expect(Usage.least([]) == nil)
        let looks = [
            Usage(process: 1, kibibytes: 1, descriptors: 1, threads: 1),
            Usage(process: 2, kibibytes: 5, descriptors: 9, threads: 3),
            Usage(process: 2, kibibytes: 7, descriptors: 4, threads: 8),
        ]
        #expect(
            Usage.least(looks) == Usage(process: 2, kibibytes: 5, descriptors: 4, threads: 3)
        )
    }
}
