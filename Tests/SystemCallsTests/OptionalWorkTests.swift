import SystemCalls
import Testing

@Suite("Optional work")
struct OptionalWorkTests {
    private struct Failure: Error {}

    private func never() -> Bool { false }

    @Test("Work goes on as long as there is no other")
    func undisturbed() {
        #expect(!OptionalWork.isUnderWay && !OptionalWork.isUnwanted)
        let result = OptionalWork.run(unless: never) {
            #expect(OptionalWork.isUnderWay && !OptionalWork.isUnwanted)
            return 7
        }
        #expect(result == 7)
        #expect(!OptionalWork.isUnderWay)
    }

    @Test("What was given up stays so, and its error is none")
    func givenUp() throws {
        var others = [false, true, false]
        func hasOther() -> Bool { others.removeFirst() }
        let result = try OptionalWork.run(unless: hasOther) { () throws(Failure) -> Int in
            #expect(!OptionalWork.isUnwanted)
            #expect(OptionalWork.isUnwanted)
            #expect(OptionalWork.isUnwanted)
            throw Failure()
        }
        #expect(result == nil)
        #expect(others == [false])
        #expect(!OptionalWork.isUnderWay && !OptionalWork.isUnwanted)
    }

    @Test("Work that ends before it hears of other work is used")
    func late() {
        var isOther = false
        func hasOther() -> Bool { isOther }
        let result = OptionalWork.run(unless: hasOther) {
            isOther = true
            return 7
        }
        #expect(result == 7)
    }

    @Test("An error of work that was wanted is thrown")
    func failure() {
        #expect(throws: Failure.self) {
            try OptionalWork.run(unless: never) { () throws(Failure) in throw Failure() }
        }
    }
}
