import SystemCalls
import Testing

@Suite("Where cgroup v2 is mounted")
struct UnifiedHierarchyTests {
    private static let hybrid = """
        24 30 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - tmpfs tmpfs rw,mode=755
        25 24 0:23 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
        """

    @Test("The first mount of the whole hierarchy counts, beside v1 and with blanks in its path")
    func mountPoint() {
        let part = "26 24 0:24 /system.slice /mnt/part rw shared:11 - cgroup2 cgroup2 rw"
        let whole = #"27 24 0:24 / /sys/fs/my\040cgroup rw - cgroup2 cgroup2 rw,nsdelegate"#
        let later = "28 24 0:24 / /other rw shared:12 master:1 - cgroup2 cgroup2 rw"
        let text = [Self.hybrid, part, whole, later].joined(separator: "\n") + "\n"
        #expect(UnifiedHierarchy.mountPoint(in: text) == "/sys/fs/my cgroup")
    }

    @Test("None without v2, and none in text that is no list of mounts")
    func none() {
        #expect(UnifiedHierarchy.mountPoint(in: Self.hybrid) == nil)
        #expect(UnifiedHierarchy.mountPoint(in: "- cgroup2\n/ / / / - cgroup2\n") == nil)
    }
}
