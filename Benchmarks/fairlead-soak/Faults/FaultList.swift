import Glibc
import KubernetesTestServer

/// Every fault that there is: a new one is a file beside this one, and a line here.
enum FaultList {
    static func all(for mode: SoakMode) -> [any SoakFault] {
        var faults: [any SoakFault] = [
            NoFault(), Kill(), KillAtCall(), Restart(), Reload(), ModeSwitched(),
            Flush(), RuleEdited(), ForeignWriters(),
            ServerGone(), ServerForgets(), CertificateChanged(),
            BadAnswers("server stalls", .stall),
            BadAnswers("answers truncated", .dropAfter(bytes: 700)),
            BadAnswers("answers stall half-way", .stallAfter(bytes: 700)),
            BadAnswers("answers are garbage", .garbage),
            BadAnswers("server drops all", .drop),
            BadAnswers("status 429", code: 429, reason: "TooManyRequests", retryAfter: 1),
            BadAnswers("status 500", code: 500, reason: "InternalError"),
            StateFull(), StateReadOnly(), AddressAdded(), NodeMoved(), LinkDown(),
            InterfaceRemoved(),
            NotificationsLost(),
        ]
        if NoDescriptors.isPossible { faults.append(NoDescriptors()) }
        if let limited = MemoryLimited() { faults.append(limited) }
        if SoakSockets.areHere { faults.append(ProgramsDetached()) }
        if mode != .nftables { faults.append(LockHeld()) }
        if mode != .iptables { faults.append(SetEmptied()) }
        if mode == .ipvs { faults += [SetsDestroyed(), OwnLinkDeleted()] as [any SoakFault] }
        return faults + (Machine.isOwn ? MachineFaults.all : [InotifyRefused()])
    }
}

/// What the run is on.
enum Machine {
    /// User-mode Linux, which is there for the run alone, and slow.
    static let isOwn = getenv("FAIRLEAD_UML") != nil

    /// How many times as long as elsewhere things may take.
    static var slowness: Int { isOwn ? 3 : 1 }
}
