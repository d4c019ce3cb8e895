import Dataplane
import DataplaneModel

extension DataplaneError {
    /// The error in words, with what to do about it where that is known.
    var advice: String { "\(self)" + (cure.map { "\n" + $0 } ?? "") }
}

/// Runs `body` and turns kernel errors into words.
func withAdvice<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as DataplaneError {
        throw CommandFailure(error.advice)
    }
}
