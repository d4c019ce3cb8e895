import Addressing
import Foundation
import Testing

extension KernelSuites {
    /// The same connections as in iptables mode, through IPVS.
    @Suite("Frontends in UML", .enabled(if: UserModeLinux.isHere))
    struct FrontendUMLTests {
        @Test("Every frontend through IPVS, from every side", arguments: IPFamily.allCases)
        func frontends(_ family: IPFamily) throws {
            try FrontendMatrix(fixture: DaemonFixture(mode: "ipvs"), family: family).check()
        }

        @Test("Every frontend, with the service range bound as a whole")
        func ranges() throws {
            let fixture = try DaemonFixture(
                mode: "ipvs",
                extra: """
                    serviceCIDRs: [10.96.0.0/24]
                    ipvs: {binding: ranges}
                    """
            )
            try FrontendMatrix(fixture: fixture, family: .ipv4).check()
        }
    }
}

/// The kernel that IPVS is tested in; scripts/test boots it.
enum UserModeLinux {
    static let isHere = ProcessInfo.processInfo.environment["FAIRLEAD_UML"] == "1"
}
