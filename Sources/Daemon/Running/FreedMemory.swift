import CMalloc

/// What becomes of memory that is freed, which at the start is as much as what stays.
enum FreedMemory {
    /// Blocks of this size are mapped on their own.
    private static let largeBlock: Int32 = 256 << 10
    /// So much of it is kept at the end of the heap.
    private static let kept: Int32 = 1 << 20

    /// Gives large blocks back to the kernel when they are freed. Without a fixed limit glibc raises it to
    /// the size of each such block, up to 32 MiB, and keeps what is smaller (mallopt(3)).
    static func returnLargeBlocks() {
        mallopt(M_MMAP_THRESHOLD, largeBlock)
        mallopt(M_TRIM_THRESHOLD, kept)
    }

    /// When most starts are over, with the cluster's state saved: `ClusterMemory` waits 3 s for that.
    static let startTime = Duration.seconds(4)

    /// Gives back the pages of the program's code, of which a start uses three times as much as what follows. They come
    /// back as they are used.
    static func returnProgram() {
        // Else they stay.
        _ = drop_program_pages()
    }
}
