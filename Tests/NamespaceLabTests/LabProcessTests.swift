import Glibc
import NamespaceLab
import Testing

@Suite("Programs of a lab")
struct LabProcessTests {
    @Test("They start with no signal blocked, whatever the thread that starts them blocks")
    func signals() async throws {
        let output = try await Task.detached {
            var all = sigset_t()
            var former = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, &former)
            defer { pthread_sigmask(SIG_SETMASK, &former, nil) }
            return try LabCommand.run(["grep", "SigBlk", "/proc/self/status"])
        }
        .value
        #expect(output == "SigBlk:\t0000000000000000\n")
    }
}
