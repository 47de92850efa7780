//! The words that no member, parameter or type may be named in a document that Salesforce imports.
//!
//! External Services makes an Apex class of every schema and a property of every member, so a name that Apex reserves
//! either stops the import or comes out mangled.
//!
//! # Why
//! The list joins the "Reserved Keywords" of the Apex Developer Guide, its words kept for future use among them, with
//! the names that the compiler itself refuses. `type` stands in the guide but is left out here: the compiler takes it,
//! `System.Type` could not live otherwise, and RFC 9457 names a member of every problem so. Words that the guide
//! marks as free to use (`after`, `before`, `count`, `first`, `last`, `order`, `sharing`, `with` …) are no members of
//! the list either.

/// True when Apex keeps `name` for itself, in whatever case it is written: Apex knows no case.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED
        .split(' ')
        .any(|word| word.eq_ignore_ascii_case(name))
}

const RESERVED: &str = "\
    abstract activate and any array as asc autonomous begin bigdecimal blob boolean break bulk \
    by byte case cast catch char class collect commit const continue convertcurrency currency \
    date datetime decimal default delete desc do double else end enum exception exit export \
    extends false final finally float for from global goto group having hint if implements \
    import in inner insert instanceof int integer interface into join last_90_days last_month \
    last_n_days last_week like limit list long loop map merge new next_90_days next_month \
    next_n_days next_week not null nulls number object of on or outer override package \
    parallel pragma private protected public retrieve return rollback savepoint search select \
    set short sobject sort stat static string super switch synchronized system test testmethod \
    then this this_month this_week throw time today tolabel tomorrow transaction transient \
    trigger true try undelete update upsert using virtual void webservice when where while \
    yesterday";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_lower_case_and_without_repeats() {
        let words: Vec<_> = RESERVED.split(' ').collect();

        assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(RESERVED, RESERVED.to_ascii_lowercase());
    }

    #[test]
    fn case_makes_no_difference() {
        for word in ["limit", "Limit", "LIMIT", "sObject", "BigDecimal"] {
            assert!(is_reserved(word), "{word} is an Apex word");
        }
    }

    #[test]
    fn the_names_that_the_contract_warns_of_are_reserved() {
        for word in [
            "limit", "date", "from", "number", "currency", "object", "group", "set", "desc",
            "system",
        ] {
            assert!(is_reserved(word), "{word} is an Apex word");
        }
    }

    #[test]
    fn the_words_of_the_contract_are_free() {
        for word in [
            "allowances",
            "answer",
            "cached",
            "code",
            "cost_usd",
            "detail",
            "errors",
            "facts",
            "fresh",
            "id",
            "index",
            "instructions",
            "items",
            "label",
            "language",
            "masked_fields",
            "maximum",
            "model",
            "name",
            "pointer",
            "preview",
            "provider",
            "record",
            "record_json",
            "remaining",
            "results",
            "retryable",
            "status",
            "task",
            "text",
            "title",
            "type",
            "usage",
            "value",
        ] {
            assert!(!is_reserved(word), "{word} is no Apex word");
        }
    }
}
