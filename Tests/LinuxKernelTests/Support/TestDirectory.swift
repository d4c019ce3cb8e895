import Foundation

/// The files of this process's tests: lock files and links, which outlive the test that made them.
/// The directory goes with the process.
enum TestDirectory {
    static let path: String = {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-kernel-test-\(getpid())"
        // In the machine for IPVS process numbers repeat.
        try? FileManager.default.removeItem(atPath: path)
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
        } catch {
            fatalError("\(path): \(error)")
        }
        atexit { try? FileManager.default.removeItem(atPath: TestDirectory.path) }
        return path
    }()

    /// A lock file that stands for the host's.
    static let lock = path + "/xtables.lock"
}
