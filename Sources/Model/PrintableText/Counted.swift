/// `1 Service`, `2 Services`. `plural` is for nouns that do not take an s.
package func counted(
    _ count: some BinaryInteger,
    _ noun: String,
    plural: String? = nil
) -> String {
    "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
}
