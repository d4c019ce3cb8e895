/// A value as it stands in a text: aliases are followed, merge keys are not.
struct YAMLNode {
    /// The plain key whose value is a mapping, or several, with keys for the mapping that it stands in.
    static let mergeKey = "<<"

    enum Content {
        /// Plain where the text decides the type: without quotes and without a tag for strings.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// No two keys are equal.
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    /// 1-based.
    var line: Int
    /// 1-based, in Unicode scalars.
    var column: Int
    var content: Content
}
