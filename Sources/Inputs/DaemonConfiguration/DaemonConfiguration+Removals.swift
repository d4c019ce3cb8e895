import AnnotatedYAML

extension DaemonConfiguration {
    /// When the removal guard keeps Services that are missing from their source without having been
    /// deleted, as a source that suddenly looks empty is more often broken than right.
    package struct Removals: Sendable, Equatable {
        /// More than this part of the Services has to be lost, in percent; 100 holds nothing back.
        package var percent = 50
        /// And at least so many.
        package var minimum = 10
        /// Losses this close together count as one.
        package var window = Duration.seconds(30)
        /// How long the source may take to recover.
        package var holdTime = Duration.seconds(600)

        /// Deletions are held like what is missing.
        package var holdDeletions = false

        static let fieldNames = ["percent", "minimum", "window", "holdTime", "holdDeletions"]

        mutating func decode(_ fields: Fields) throws(FieldError) {
            percent = try fields.integer("percent", in: 1...100) ?? percent
            minimum = try fields.integer("minimum", in: 1...1_000_000) ?? minimum
            window = try fields.duration("window", in: .zero ... .seconds(3600)) ?? window
            holdTime =
                try fields.duration("holdTime", in: .seconds(1) ... .seconds(86400)) ?? holdTime
            holdDeletions = try fields.boolean("holdDeletions") ?? holdDeletions
        }
    }
}
