import CMalloc
import Glibc
import Testing

@testable import Running

@Suite("Freed memory")
struct FreedMemoryTests {
    @Test("A large block stays mapped on its own after a larger one was freed")
    func largeBlocks() {
        FreedMemory.returnLargeBlocks()
        unsafe free(malloc(30 << 20))
        let block = unsafe malloc(24 << 20)
        defer { unsafe free(block) }
        // A mapped block takes whole pages, of which 16 bytes are the allocator's; one from a heap never does.
        #expect(unsafe (malloc_usable_size(block) + 16) % Int(getpagesize()) == 0)
    }
}
