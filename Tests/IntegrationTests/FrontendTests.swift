import Addressing
import Testing

extension KernelSuites {
    @Suite("Frontends")
    struct FrontendTests {
        @Test(
            "Every frontend, from every side",
            arguments: ["iptables", "nftables"],
            IPFamily.allCases
        )
        func frontends(_ mode: String, _ family: IPFamily) throws {
            try FrontendMatrix(fixture: DaemonFixture(mode: mode), family: family).check()
        }
    }
}
