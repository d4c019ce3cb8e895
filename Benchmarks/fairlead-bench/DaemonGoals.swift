/// What the daemon is to reach. Times depend on the machine and the goals are for two cores; counts
/// do not.
enum DaemonGoals {
    /// The most that a figure is to be; nil without a goal.
    static func goal(_ name: DaemonFigures.Name, _ mode: DaemonMode, _ size: String) -> Double? {
        if let limit = limits(mode)[name] { return limit }
        // User-mode Linux's times are not those of a host.
        if mode == .ipvs { return nil }
        if mode == .nftables, let most = worstChange[name] { return most }
        return size == "5000x10" ? usual(name, mode) : large[size]?[name]
    }

    private static let worstChange: [DaemonFigures.Name: Double] = [
        .changeMedian: 0.002, .changeP99: 0.004, .changeWorst: 0.015,
    ]

    private static func usual(_ name: DaemonFigures.Name, _ mode: DaemonMode) -> Double? {
        switch name {
        case .startWall: 0.6
        case .startCPU: 0.5
        case .restartWall: 0.5
        case .restartCPU: 0.45
        case .loneMedian: mode == .iptables ? 0.14 : nil
        case .restCPU: 0.01
        case .steadyMiB: 57
        case .peakMiB: 95
        default: nil
        }
    }

    private static let large: [String: [DaemonFigures.Name: Double]] = [
        "20000x5": [.startWall: 1.5, .peakMiB: 152],
        "44000x1": [.startWall: 1.5, .peakMiB: 152],
        "5000x50": [.startWall: 2.5, .peakMiB: 152],
    ]

    /// The largest part of kube-proxy's figure in the same mode.
    static func ratio(_ name: DaemonFigures.Name, _ mode: DaemonMode, _ size: String) -> Double? {
        guard size == "5000x10" else { return nil }
        switch name {
        case .startWall, .startCPU: return mode == .nftables ? 1 / 9 : nil
        case .loneMedian: return mode == .iptables ? 1 / 6 : nil
        case .loneCPU: return mode == .iptables ? 1 / 9 : nil
        case .steadyMiB, .peakMiB: return 1 / 3
        default: return nil
        }
    }

    /// Counts that hold at any size and on any machine.
    static func limits(_ mode: DaemonMode) -> [DaemonFigures.Name: Double] {
        // An endpoint in place of another: elements in nftables mode, chains in iptables mode, servers in
        // ipvs mode.
        let operations: Double = mode == .iptables ? 1 : 7
        return [
            .loneOperations: operations, .changeOperations: operations,
            .restartOperations: operations, .idleRestartOperations: 0,
            // Two pages of a file.
            .changeBytes: 8192,
        ]
    }
}
