import Foundation
import Testing

@testable import SystemCalls

@Suite("Mounts below a directory")
struct MountsBelowTests {
    private static let text = """
        21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        30 21 0:25 / /etc/fairlead rw - tmpfs tmpfs rw
        31 30 8:1 /a.yaml /etc/fairlead/services.d/a.yaml rw - ext4 /dev/sda1 rw
        32 30 8:1 /b /etc/fairlead/services.d2/b rw - ext4 /dev/sda1 rw
        33 30 8:1 /c /etc/with\\040blank/c rw - ext4 /dev/sda1 rw

        """

    private func numbers(below directory: String) -> [String] {
        MountsBelow.entries(below: directory, in: Self.text).map { String($0.prefix(2)) }.sorted()
    }

    @Test("Those below it count, not its own or those of one whose name begins the same")
    func below() {
        #expect(numbers(below: "/etc/fairlead/services.d") == ["31"])
        #expect(numbers(below: "/etc/fairlead") == ["31", "32"])
        #expect(numbers(below: "/etc/with blank") == ["33"])
        #expect(numbers(below: "/").count == 5)
    }

    @Test("A mount is noticed once, and so is its end; the directory may be a link")
    func changes() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID())"
        for name in ["real", "other"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(name)/sub",
                withIntermediateDirectories: true
            )
        }
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try #require(symlink("real", "\(directory)/link") == 0)
        let path = "\(directory)/link"
        var mounts = MountsBelow(path)
        func haveChanged(_ path: String) -> Bool { mounts.haveChanged(below: path) }
        #expect(!haveChanged(path))
        let place = "\(directory)/real/sub"
        try #require(mount("\(directory)/other", place, nil, UInt(MS_BIND), nil) == 0)
        #expect(haveChanged(path))
        #expect(!haveChanged(path))
        #expect(umount2(place, Int32(MNT_DETACH)) == 0)
        #expect(haveChanged(path))
        #expect(!haveChanged("\(directory)/none"))
    }
}
