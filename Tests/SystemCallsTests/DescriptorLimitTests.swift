import Glibc
import SystemCalls
import Testing

@Suite("Limit of descriptors")
struct DescriptorLimitTests {
    @Test("Those that are free are counted, up to what is enough")
    func free() {
        #expect(DescriptorLimit.free(upTo: 0) == 0)
        #expect(DescriptorLimit.free(upTo: 3) == 3)
    }

    @Test("What other threads open meanwhile changes nothing as long as there is enough")
    func busy() async {
        let others = Task.detached {
            while !Task.isCancelled { close(open("/dev/null", O_RDONLY | O_CLOEXEC)) }
        }
        var counts: Set<Int> = []
        for _ in 0..<2000 { counts.insert(DescriptorLimit.free(upTo: 64)) }
        others.cancel()
        await others.value
        #expect(counts == [64])
    }

    @Test("The limit is never lowered")
    func raise() {
        let before = DescriptorLimit.free(upTo: 64)
        DescriptorLimit.raise(to: 0)
        #expect(DescriptorLimit.free(upTo: 64) == before)
    }
}
