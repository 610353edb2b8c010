package com.acme;

public final class App {
    private App() {}

    public static void main(String[] words) {
        System.out.println(Greeting.text());
    }
}
