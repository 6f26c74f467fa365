//! ZEN on the rules and feature rows of `decide_load export`, one thread: the same rules as one decision table whose hits are
//! collected, and as one expression node; compiled beforehand, parsing outside the time. Run by script/bench peers.
//!
//!     zen_rules RULES.json ROWS.jsonl EVENTS

use serde_json::{json, Map, Value};
use std::collections::BTreeSet;
use std::time::Instant;
use zen_engine::model::DecisionContent;
use zen_engine::{Decision, DecisionEngine};

fn graph(node: Value) -> Value {
    json!({
        "nodes": [
            {"id": "in", "name": "in", "type": "inputNode", "content": {}},
            node,
            {"id": "out", "name": "out", "type": "outputNode", "content": {}}
        ],
        "edges": [
            {"id": "e1", "sourceId": "in", "targetId": "rules", "type": "edge"},
            {"id": "e2", "sourceId": "rules", "targetId": "out", "type": "edge"}
        ]
    })
}

fn table(rules: &[Vec<(String, String, i64)>]) -> Value {
    let columns: BTreeSet<&String> = rules.iter().flatten().map(|(column, _, _)| column).collect();
    let inputs: Vec<Value> =
        columns.iter().map(|column| json!({"id": column, "name": column, "field": column})).collect();
    let rows: Vec<Value> = rules
        .iter()
        .enumerate()
        .map(|(i, rule)| {
            let mut row = Map::new();
            row.insert("_id".into(), json!(format!("r{i}")));
            for column in &columns {
                let tests: Vec<String> = rule
                    .iter()
                    .filter(|(name, _, _)| name == *column)
                    .map(|(_, op, value)| format!("{op} {value}"))
                    .collect();
                row.insert((*column).clone(), json!(tests.join(" and ")));
            }
            row.insert("hit".into(), json!(format!("{i}")));
            Value::Object(row)
        })
        .collect();
    graph(json!({"id": "rules", "name": "rules", "type": "decisionTableNode", "content": {
        "hitPolicy": "collect", "inputs": inputs, "outputs": [{"id": "hit", "name": "hit", "field": "hit"}], "rules": rows}}))
}

fn expressions(rules: &[Vec<(String, String, i64)>]) -> Value {
    let list: Vec<Value> = rules
        .iter()
        .enumerate()
        .map(|(i, rule)| {
            let when: Vec<String> = rule.iter().map(|(column, op, value)| format!("{column} {op} {value}")).collect();
            json!({"id": format!("r{i}"), "key": format!("r{i}"), "value": when.join(" and ")})
        })
        .collect();
    graph(json!({"id": "rules", "name": "rules", "type": "expressionNode", "content": {"expressions": list}}))
}

fn hits(result: &Value) -> u64 {
    match result {
        Value::Array(rows) => rows.len() as u64,
        Value::Object(values) => values.values().filter(|value| **value == Value::Bool(true)).count() as u64,
        _ => panic!("neither rows nor values: {result}"),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rules: Vec<Vec<(String, String, i64)>> = serde_json::from_str(&std::fs::read_to_string(&args[1]).unwrap()).unwrap();
    let rows: Vec<Map<String, Value>> =
        std::fs::read_to_string(&args[2]).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: usize = args[3].parse().unwrap();
    let inputs: Vec<Value> = rows.iter().map(|row| Value::Object(row.clone())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (form, model) in [("decision table", table(&rules)), ("expressions", expressions(&rules))] {
        let content: DecisionContent = serde_json::from_value(model).unwrap();
        let mut decision: Decision = DecisionEngine::default().create_decision(content.into()).unwrap();
        decision.compile();
        for (row, input) in rows.iter().zip(&inputs).take(1000) {
            let found = runtime.block_on(decision.evaluate(input.clone().into())).unwrap();
            assert_eq!(hits(&found.result.to_value()), row["hits"].as_u64().unwrap(), "hits differ from Fuqi's");
        }
        let contexts: Vec<zen_engine::Variable> = inputs.iter().map(|input| input.clone().into()).collect();
        let mut took: Vec<f64> = Vec::with_capacity(events);
        for i in 0..events {
            let context = contexts[i % contexts.len()].clone();
            let begin = Instant::now();
            let found = runtime.block_on(decision.evaluate(context)).unwrap();
            took.push(begin.elapsed().as_secs_f64());
            std::hint::black_box(found);
        }
        let per_s = events as f64 / took.iter().sum::<f64>();
        took.sort_by(f64::total_cmp);
        println!(
            "{}",
            json!({"name": "rules", "peer": format!("ZEN 2.1.6, {form}"), "rules": rules.len(), "steps": events, "per_s": per_s,
                   "p50_us": took[events / 2] * 1e6, "p99_us": took[events * 99 / 100] * 1e6})
        );
    }
}
