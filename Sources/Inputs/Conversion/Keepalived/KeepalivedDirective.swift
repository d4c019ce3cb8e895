/// Lines that keepalived replaces by others before it reads them, at any level. They are not followed.
enum KeepalivedDirective {
    private static let inclusions: Set = [
        "include", "includea", "includer", "includem", "includew", "includeb",
    ]

    /// Records what follows from such a line; false if the line is none. Inside a block `object` says
    /// of what.
    static func name(
        _ line: KeepalivedStatement,
        _ object: String,
        isInBlock: Bool = true,
        _ converted: inout Converted
    ) -> Bool {
        let reason: String
        switch line.keyword {
        case let word where inclusions.contains(word):
            reason =
                isInBlock
                ? "not followed; put the lines of that file in its place"
                : "not followed; convert that file, too"
        case let word where word.hasPrefix("$"):
            reason =
                line.words.joined().contains("=")
                ? "parameters are not replaced; lines that use one are not understood"
                : "parameters are not replaced; put the lines that it stands for in its place"
        case let word where word.hasPrefix("@") || word.hasPrefix("~"):
            reason = "conditional and repeated lines are not taken"
        default: return false
        }
        converted.leaveOut(line.line, object, "\(line.title): \(reason)")
        return true
    }
}
