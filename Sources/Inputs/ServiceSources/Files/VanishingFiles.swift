/// Whether files are being removed one by one: until that ends, it is unknown whether some or all
/// will be removed.
struct VanishingFiles {
    /// How many scans in a row may find further files missing before the removal counts as
    /// finished.
    static let tries = 5

    private var names: Set<String>?
    private var times = 0

    /// Records the files found by a scan that misses some; true if another scan has to decide.
    mutating func goOn(_ found: Set<String>) -> Bool {
        times += 1
        guard names != found, times <= Self.tries else {
            self = VanishingFiles()
            return false
        }
        names = found
        return true
    }

    /// Called when a scan misses no file.
    mutating func end() {
        self = VanishingFiles()
    }
}
