import Addressing
import Testing

extension KernelSuites {
    @Suite("Frontends")
    struct FrontendTests {
        @Test("Every frontend, from every side", arguments: IPFamily.allCases)
        func frontends(_ family: IPFamily) throws {
            try FrontendMatrix(fixture: DaemonFixture(), family: family).check()
        }
    }
}
