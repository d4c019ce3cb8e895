import Addressing
import Dataplane
import Planning

extension PlannedFamily {
    func complainAboutIssues() {
        for issue in planner.issues { complain("\(family.rawValue): \(issue)") }
    }
}
