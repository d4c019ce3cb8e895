import Testing

@testable import ServiceSources

@Suite("Vanishing files")
struct VanishingFilesTests {
    /// Whether each of these looks asks for another one.
    private func looks(_ looks: [Set<String>]) -> [Bool] {
        var vanishing = VanishingFiles()
        return looks.map { vanishing.goOn($0) }
    }

    @Test("Two looks that find the same decide; the next removal begins anew")
    func same() {
        #expect(
            looks([["a", "b"], ["a"], ["a"], [], []]) == [true, true, false, true, false]
        )
    }

    @Test("After too many looks that differ the last one decides")
    func tooMany() {
        let different = (0...VanishingFiles.tries).map { Set(["\($0)"]) }
        let waits = Array(repeating: true, count: VanishingFiles.tries) + [false]
        #expect(looks(different + different) == waits + waits)
    }
}
