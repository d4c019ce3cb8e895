/// Whether somebody seems to be in the middle of removing files: until he is done it cannot be told
/// whether he removes some or all.
struct VanishingFiles {
    /// How often files may go on vanishing before it is taken for all there is.
    static let tries = 5

    private var names: Set<String>?
    private var times = 0

    /// Takes in which files a look found that misses some; true if another look is to decide.
    mutating func goOn(_ found: Set<String>) -> Bool {
        times += 1
        guard names != found, times <= Self.tries else {
            self = VanishingFiles()
            return false
        }
        names = found
        return true
    }

    /// A look misses no file.
    mutating func end() {
        self = VanishingFiles()
    }
}
