import Dataplane
import DataplaneModel

/// Runs `body` and turns kernel errors into words.
func withAdvice<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as DataplaneError {
        throw CommandFailure(error.advice)
    }
}
