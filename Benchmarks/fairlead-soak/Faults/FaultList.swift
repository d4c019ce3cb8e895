import KubernetesTestServer

/// Every fault that there is: a new one is a file beside this one, and a line here.
enum FaultList {
    static func all(for mode: SoakMode) -> [any SoakFault] {
        var faults: [any SoakFault] = [
            NoFault(), Kill(), KillAtCall(), Restart(), Reload(),
            Flush(), RuleEdited(), ForeignWriters(),
            ServerGone(), ServerForgets(), CertificateChanged(),
            BadAnswers("server stalls", .stall),
            BadAnswers("answers truncated", .dropAfter(bytes: 700)),
            BadAnswers("answers stall half-way", .stallAfter(bytes: 700)),
            BadAnswers("answers are garbage", .garbage),
            BadAnswers("server drops all", .drop),
            BadAnswers("status 429", code: 429, reason: "TooManyRequests", retryAfter: 1),
            BadAnswers("status 500", code: 500, reason: "InternalError"),
            StateFull(), StateReadOnly(), NoDescriptors(), AddressAdded(), NodeMoved(), LinkDown(),
            NotificationsLost(),
        ]
        if let limited = MemoryLimited() { faults.append(limited) }
        if mode != .ipvs { faults.append(ModeSwitched()) }
        if mode != .nftables { faults.append(LockHeld()) }
        if mode != .iptables { faults.append(SetEmptied()) }
        return faults + MachineFaults.all
    }
}
